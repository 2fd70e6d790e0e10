import Foundation
import Synchronization

extension LocalCluster {
    /// Where the supervisor of a cluster runs.
    public enum Supervision: Sendable, Hashable {
        /// A thread of this process. The cluster goes down when the process ends, including after a crash.
        case thisProcess
        /// A separate process, so that the cluster outlives this one: the program at `executable` with `arguments`,
        /// which must call ``Supervisor/runDetached(name:)``.
        case detached(executable: String, arguments: [String])
    }

    /// Starts a cluster and returns when every node accepts connections. If the task is cancelled, the partly started
    /// cluster is removed.
    ///
    /// - Parameter progress: called with progress messages.
    /// - Throws: ``LocalClusterError``, `CancellationError`.
    public static func up(
        _ options: Options = .init(), supervision: Supervision = .thisProcess,
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> LocalCluster {
        try options.validate()
        let installation = try await PostgresInstallation.find(explicit: options.postgresBinaries)
        let account = try ServerAccount.current()
        try await awaitTurn()
        defer { bringingUp.withLock { $0 -= 1 } }
        await sweep(progress)
        let folder = ClusterFolder(name: options.name ?? nextTestName())
        let upLock = try await occupy(folder, progress)
        defer { withExtendedLifetime(upLock) {} }
        let watchdog = supervision == .thisProcess ? Watchdog(folder) : nil
        do {
            return try await BringUp(
                options: options, supervision: supervision, installation: installation, account: account,
                folder: folder, watchdog: watchdog, progress: progress
            ).run()
        } catch {
            // A separate task, because this one may have been cancelled and could then not wait.
            await Task.detached {
                try? await folder.erase()
                await watchdog?.dismiss()
            }.value
            throw error
        }
    }

    private static let bringingUp = Mutex(0)

    /// Limits this process to starting two clusters at a time, because many concurrent starts would all time out.
    private static func awaitTurn() async throws {
        while true {
            let isOurTurn = bringingUp.withLock { count in
                guard count < 2 else { return false }
                count += 1
                return true
            }
            if isOurTurn { return }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private static let testClusters = Mutex(0)

    /// A name that is unique among clusters of this process and of other processes.
    private static func nextTestName() -> String {
        let number = testClusters.withLock { count in
            count += 1
            return count
        }
        return "test-\(getpid())-\(number)"
    }

    /// Creates and locks the folder of the cluster. Remains of a crashed cluster with the same name are removed first.
    private static func occupy(_ folder: ClusterFolder, _ progress: (String) -> Void) async throws -> FileLock {
        for _ in 0..<3 {
            if let lock = try folder.create() { return lock }
            if !folder.isLive { progress("Removing the remains of crashed cluster '\(folder.name)'") }
            guard try await folder.eraseIfAbandoned() else {
                let record = try? folder.load()
                let nodes = record.map { " with \($0.nodes.count) nodes from \($0.nodes.first?.address ?? "?")" } ?? ""
                throw LocalClusterError(
                    .alreadyRunning,
                    """
                    A cluster named '\(folder.name)' is \(record?.isUp == true ? "running" : "coming up")\(nodes). \
                    Take it down with 'apus cluster down --name \(folder.name)', or choose another name (--name) and \
                    base address (--base-address).
                    """)
            }
        }
        throw LocalClusterError(.alreadyRunning, "another program keeps taking the name '\(folder.name)'")
    }

    /// Removes clusters of test processes that crashed together with their watchdogs.
    private static func sweep(_ progress: (String) -> Void) async {
        for folder in ClusterFolder.all() where !folder.isLive {
            // The nodes of a detached cluster may still be used.
            if let supervisor = (try? folder.load())?.supervisor, supervisor.isDetached { continue }
            progress("Removing the remains of cluster '\(folder.name)', whose process crashed")
            _ = try? await folder.eraseIfAbandoned()
        }
    }
}

/// The steps from an empty folder to a running cluster.
private struct BringUp: Sendable {
    let options: LocalCluster.Options
    let supervision: LocalCluster.Supervision
    let installation: PostgresInstallation
    let account: ServerAccount
    let folder: ClusterFolder
    let watchdog: Watchdog?
    let progress: @Sendable (String) -> Void

    func run() async throws -> LocalCluster {
        let template = DataTemplate(installation: installation, account: account, function: options.serversFunction)
        let source = try await template.ready(progress)
        let block = try addresses()

        var record = try newRecord(block)
        for universe in record.universes {
            guard mkdir(folder.universe(universe.number), 0o755) == 0 else {
                throw LocalClusterError(.fileSystem, "cannot create \(folder.universe(universe.number))")
            }
        }
        try folder.save(record)
        if options.encryption != .off {
            progress("Making certificates")
            try await CertificateAuthority(folder: folder).create()
        }
        progress(
            "Starting \(options.nodes) \(options.nodes == 1 ? "node" : "nodes") from "
                + "\(block.addresses.first?.description ?? ""):\(options.port) (PostgreSQL \(installation.version))")
        let starting = record
        try await withThrowingTaskGroup { group in
            for node in starting.nodes {
                group.addTask {
                    try await NodeBuilder(record: starting, node: node, folder: folder).build(from: source, template)
                    progress("  node \(node.number) at \(node.address):\(node.port), \(node.placement)")
                }
            }
            try await group.waitForAll()
        }
        if options.hostNames { try folder.publishNames(record, progress) }
        record = try folder.update { record in
            record.isUp = true
            return record
        }
        let cluster = try await LocalCluster(folder, record, keepers: supervise(block.claim))
        for node in record.nodes where node.portBehindProxy != nil { try await cluster.awaitProxy(node) }
        return cluster
    }

    private func addresses() throws -> AddressBlock {
        guard let base = options.baseAddress else {
            return try AddressBlock.anyFree(count: options.nodes, port: options.port)
        }
        do {
            return try AddressBlock(base: LoopbackAddress(parsing: base), count: options.nodes, port: options.port)
        } catch let error as LocalClusterError where error.code == .addressUnavailable {
            // If another local cluster uses the address, name that cluster.
            for other in ClusterFolder.all() where other != folder {
                guard let record = try? other.load(), record.port == options.port,
                    let node = record.nodes.first(where: { error.message.hasPrefix("\($0.address):") })
                else { continue }
                throw LocalClusterError(
                    .addressUnavailable,
                    """
                    \(node.address):\(node.port) is node \(node.number) of cluster '\(other.name)'. Choose another \
                    base address (for example --base-address 127.0.1.1) or port (--port), or take that cluster down.
                    """)
            }
            throw error
        }
    }

    private func newRecord(_ block: AddressBlock) throws -> ClusterRecord {
        let nodes = try block.addresses.enumerated().map { index, address in
            let number = index + 1
            return ClusterRecord.Node(
                number: number, universe: options.universe(of: number), uuid: ClusterRecord.newUUID(),
                address: address.description, port: options.port,
                portBehindProxy: options.hasProxies ? try BoundSocket(.stream, address, port: 0).port : nil,
                delayMilliseconds: 0,
                host: options.hostNames ? "node\(number).\(folder.name).apus.test" : address.description,
                ownsHostName: options.hostNames,
                publicIP: index < options.publicIPs.count ? options.publicIPs[index] : "",
                placement: try options.placement(of: number),
                type: options.readReplicas.contains(number) ? .readReplica : .primary, isStopped: false)
        }
        return ClusterRecord(
            name: folder.name, port: options.port, listedTTL: options.listedTTL,
            authentication: options.authentication, encryption: options.encryption,
            serversFunction: options.serversFunction, isDelayable: options.delayable,
            tlsRecordSize: options.tlsRecordSize, hostNames: options.hostNames,
            account: account, binaries: installation.binaries, postgresVersion: installation.version,
            universes: (1...max(1, options.groups.count)).map { .init(number: $0, uuid: ClusterRecord.newUUID()) },
            nodes: nodes, lastNumber: options.nodes)
    }

    private func supervise(_ claim: BoundSocket) async throws -> LocalCluster.Keepers? {
        guard case .detached(let executable, let arguments) = supervision else {
            return .init(supervisor: try Supervisor(folder, isDetached: false, claim: claim), watchdog: watchdog)
        }
        var shell = Command(
            "/bin/sh",
            ["-c", "log=$0; \"$@\" </dev/null >\"$log\" 2>&1 &", folder.supervisorLog, executable] + arguments)
        shell.ownSession = true
        try await shell.run()
        let deadline = ContinuousClock.now + .seconds(10)
        while try folder.load().supervisor == nil {
            guard ContinuousClock.now < deadline else {
                let said = (try? String(contentsOfFile: folder.supervisorLog, encoding: .utf8)) ?? ""
                throw LocalClusterError(.timedOut, "the cluster's supervisor did not start: \(said)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        return nil
    }
}

extension ClusterFolder {
    /// Makes the names of the nodes resolvable: in /etc/hosts, if it is writable, and in a file of the same format in
    /// the cluster's folder.
    func publishNames(_ record: ClusterRecord, _ progress: (String) -> Void) throws {
        let lines = record.nodes.filter(\.ownsHostName).map { "\($0.address) \($0.host)" }
        try Self.write(Data(lines.map { $0 + "\n" }.joined().utf8), to: hostsFile)
        if access("/etc/hosts", W_OK) == 0 {
            try SystemHosts(cluster: name).write(lines)
        } else {
            progress(
                """
                /etc/hosts is not writable for this user, so the names of the nodes do not resolve yet. Run programs with
                  LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_HOSTS=\(hostsFile)
                (apt-get install libnss-wrapper), or have an administrator append \(hostsFile) to /etc/hosts.
                """)
        }
    }
}
