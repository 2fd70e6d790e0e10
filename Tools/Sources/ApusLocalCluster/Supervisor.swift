import Foundation
import Synchronization

/// Supervises a cluster: detects nodes that died or came back for any reason, updates the list that `yb_servers()`
/// reads, and runs the proxies of nodes. It starts and kills no processes.
///
/// It is one thread, in the process that started the cluster or in a separate process. It reads changes made by
/// commands from the cluster's record.
public final class Supervisor: Sendable {
    /// The interval of checks: how long a death can go undetected.
    static let beat: Duration = .milliseconds(100)

    private let stopping = Mutex(false)
    private let finished: DispatchSemaphore

    /// Starts the thread.
    ///
    /// - Parameter claim: the reservation of the cluster's addresses, kept until the supervisor ends.
    /// - Throws: ``LocalClusterError`` (`alreadyRunning`) if the cluster already has a supervisor.
    init(_ folder: ClusterFolder, isDetached: Bool, claim: BoundSocket?) throws {
        guard let lock = FileLock.tryAcquire(folder.supervisorLock) else {
            throw LocalClusterError(.alreadyRunning, "cluster '\(folder.name)' has a supervisor already")
        }
        let pid = getpid()
        try folder.update { $0.supervisor = .init(pid: pid, isDetached: isDetached) }
        finished = DispatchSemaphore(value: 0)
        let thread = Thread { [self] in
            var watch = Watch(folder: folder)
            while !stopping.withLock({ $0 }), watch.turn() {}
            withExtendedLifetime(claim) {}
            lock.release()
            finished.signal()
        }
        thread.name = "apus supervisor"
        thread.start()
    }

    /// Stops the thread and waits for its end, which takes at most 0.1 s.
    func stop() {
        stopping.withLock { $0 = true }
        finished.wait()
        finished.signal()
    }

    /// Supervises cluster `name` in this process until the cluster is taken down. This is all that a supervisor process
    /// does.
    public static func runDetached(name: String) throws {
        let folder = ClusterFolder(name: name)
        let record = try folder.load()
        let claim = record.nodes.first.flatMap {
            try? BoundSocket(.datagram, LoopbackAddress(parsing: $0.address), port: record.port)
        }
        let supervisor = try Supervisor(folder, isDetached: true, claim: claim)
        supervisor.finished.wait()
        supervisor.finished.signal()
    }
}

/// The state of the supervisor's thread.
private struct Watch: ~Copyable {
    let folder: ClusterFolder
    private var record: ClusterRecord?
    private var stamp: timespec?
    private var inode: ino_t = 0
    private var nextBeat = ContinuousClock.now
    private var proxies: [Int: any NodeProxy] = [:]

    init(folder: ClusterFolder) {
        self.folder = folder
    }

    /// Waits once and handles the events. Returns false when the cluster is gone.
    mutating func turn() -> Bool {
        var now = ContinuousClock.now
        if now >= nextBeat {
            nextBeat = now + Supervisor.beat
            guard reload() else { return false }
            if let record {
                try? folder.beat(record)
                reconcile(record)
            }
        }
        var list: [pollfd] = []
        var spans: [(any NodeProxy, Range<Int>)] = []
        var wake = nextBeat
        for proxy in proxies.values {
            let start = list.count
            proxy.appendInterests(to: &list, now: now)
            spans.append((proxy, start..<list.count))
            if let due = proxy.nextDue { wake = min(wake, due) }
        }
        // Rounded up, so that events are due when the wait ends.
        let left = now.duration(to: wake).components
        let milliseconds = left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1
        _ = poll(&list, nfds_t(list.count), Int32(clamping: max(0, milliseconds)))
        now = ContinuousClock.now
        for (proxy, span) in spans { proxy.advance(list[span], now: now) }
        return true
    }

    /// Reads the record again if it has changed. Returns false if it no longer exists.
    private mutating func reload() -> Bool {
        var status = stat()
        guard stat(folder.recordFile, &status) == 0 else { return false }
        #if canImport(Darwin)
        let modified = status.st_mtimespec
        #else
        let modified = status.st_mtim
        #endif
        if let stamp, stamp.tv_sec == modified.tv_sec, stamp.tv_nsec == modified.tv_nsec, inode == status.st_ino {
            return true
        }
        guard let record = try? folder.load() else { return FileManager.default.fileExists(atPath: folder.recordFile) }
        self.record = record
        stamp = modified
        inode = status.st_ino
        return true
    }

    /// Runs a proxy for every node that needs one and has a server. Without a server, connections must be refused.
    private mutating func reconcile(_ record: ClusterRecord) {
        var wanted: Set<Int> = []
        for node in record.nodes {
            guard let target = node.portBehindProxy, folder.processes(node).condition != .gone else { continue }
            wanted.insert(node.number)
            if proxies[node.number].map({ $0.target != target || !$0.speaks(for: node.host) }) ?? true {
                proxies[node.number] = nil
                proxies[node.number] = try? proxy(before: node, target, record)
            }
            (proxies[node.number] as? DelayProxy)?.delay = .milliseconds(node.delayMilliseconds)
        }
        for number in proxies.keys where !wanted.contains(number) { proxies[number] = nil }
    }

    private func proxy(
        before node: ClusterRecord.Node, _ target: Int, _ record: ClusterRecord
    ) throws -> any NodeProxy {
        let address = try LoopbackAddress(parsing: node.address)
        guard let size = record.tlsRecordSize else {
            return try DelayProxy(address, port: node.port, target: target)
        }
        let certificates = CertificateAuthority(folder: folder)
        let identity = try TLSIdentity(
            certificate: certificates.certificate(of: node.number), key: certificates.key(of: node.number))
        return try RecordProxy(
            address, port: node.port, target: target, identity: identity, host: node.host, recordSize: size)
    }
}
