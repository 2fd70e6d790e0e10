import Foundation

/// The folder with all files of a cluster:
///
///     cluster.json            ClusterRecord
///     state.lock, up.lock, supervisor.lock, nodeN.lock
///     hosts                   names of the nodes, in the format of /etc/hosts
///     ca.crt, tls/            certificates
///     nodeN.log               what server N says
///     universeU/members       what yb_servers() answers in universe U
///     universeU/nodeN/        data folder of server N
struct ClusterFolder: Sendable, Hashable {
    let name: String
    let path: String

    init(name: String) {
        self.name = name
        path = Self.prefix + name
    }

    /// `APUS_CLUSTER_HOME`, or `/tmp`. Not `TMPDIR`, because it differs between shells, which could then not find the
    /// cluster.
    private static var prefix: String {
        var home = ProcessInfo.processInfo.environment["APUS_CLUSTER_HOME"] ?? "/tmp"
        // Without symbolic links, because processes are found by the working folder that the kernel reports.
        if let real = realpath(home, nil) {
            home = String(cString: real)
            free(real)
        }
        return "\(home)/apus-cluster-\(geteuid())-"
    }

    /// The folders of all clusters of this account, running or not.
    static func all() -> [ClusterFolder] {
        let prefix = URL(fileURLWithPath: self.prefix)
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: prefix.deletingLastPathComponent().path)) ?? []
        return names.filter { $0.hasPrefix(prefix.lastPathComponent) && !$0.contains(".") }.sorted().map {
            ClusterFolder(name: String($0.dropFirst(prefix.lastPathComponent.count)))
        }
    }

    var recordFile: String { path + "/cluster.json" }
    var stateLock: String { path + "/state.lock" }
    /// Held by the process that starts the cluster.
    var upLock: String { path + "/up.lock" }
    /// Held by the process that runs the supervisor.
    var supervisorLock: String { path + "/supervisor.lock" }
    var supervisorLog: String { path + "/supervisor.log" }
    var hostsFile: String { path + "/hosts" }
    var authorityCertificate: String { path + "/ca.crt" }
    var tls: String { path + "/tls" }
    func universe(_ number: Int) -> String { "\(path)/universe\(number)" }
    func members(_ universe: Int) -> String { self.universe(universe) + "/members" }
    func data(_ node: ClusterRecord.Node) -> String { universe(node.universe) + "/node\(node.number)" }
    func log(_ number: Int) -> String { "\(path)/node\(number).log" }
    func lock(_ number: Int) -> String { "\(path)/node\(number).lock" }
    func processes(_ node: ClusterRecord.Node) -> ServerProcesses { ServerProcesses(dataFolder: data(node)) }

    /// The record.
    ///
    /// - Throws: ``LocalClusterError`` (`notRunning`) if there is none.
    func load() throws -> ClusterRecord {
        guard let data = FileManager.default.contents(atPath: recordFile) else { throw notRunning() }
        do {
            return try JSONDecoder().decode(ClusterRecord.self, from: data)
        } catch {
            throw LocalClusterError(.fileSystem, "\(recordFile) is damaged (\(error)); remove \(path)")
        }
    }

    func notRunning() -> LocalClusterError {
        let others = Self.all().filter { $0.isLive }.map(\.name)
        let hint =
            others.isEmpty
            ? "no cluster is running; start one with 'apus cluster up'" : "running: \(others.joined(separator: ", "))"
        return LocalClusterError(.notRunning, "no cluster named '\(name)' is running (\(hint))")
    }

    /// Changes the record and the list for `yb_servers()` atomically with respect to other processes. It also checks
    /// which nodes are alive, so that the list is correct when this returns.
    @discardableResult
    func update<R>(_ change: (inout ClusterRecord) throws -> R) throws -> R {
        guard FileManager.default.fileExists(atPath: recordFile) else { throw notRunning() }
        return try FileLock.withLock(stateLock) {
            var record = try load()
            let result = try change(&record)
            noteLiveness(&record)
            try save(record)
            return result
        }
    }

    /// One check by the supervisor: writes the record and the lists if a node died or came back.
    func beat(_ before: ClusterRecord) throws {
        var after = before
        noteLiveness(&after)
        guard before.nodes.map(\.lostAt) != after.nodes.map(\.lostAt) else { return }
        try update { _ in }
    }

    private func noteLiveness(_ record: inout ClusterRecord) {
        // While the cluster is starting, every node counts as alive.
        guard record.isUp else { return }
        for index in record.nodes.indices {
            let processes = processes(record.nodes[index])
            if processes.isReady {
                record.nodes[index].lostAt = nil
            } else if record.nodes[index].lostAt == nil {
                record.nodes[index].lostAt = Date().timeIntervalSince1970
            }
        }
    }

    func save(_ record: ClusterRecord) throws {
        for universe in record.universes {
            try Self.write(MemberList.encode(record, universe: universe), to: members(universe.number))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try Self.write(encoder.encode(record), to: recordFile)
    }

    /// Replaces a file atomically: readers see the old or the new contents. By default every user can read it.
    static func write(_ data: Data, to path: String, mode: mode_t = 0o644) throws {
        let draft = path + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw LocalClusterError(.fileSystem, "cannot write \(draft): \(String(cString: strerror(errno)))")
        }
        fchmod(descriptor, mode)
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: data)
            try handle.close()
        } catch {
            throw LocalClusterError(.fileSystem, "cannot write \(draft): \(error)")
        }
        guard rename(draft, path) == 0 else {
            throw LocalClusterError(.fileSystem, "cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// True if a process is starting or supervising this cluster.
    var isLive: Bool { FileLock.isHeld(upLock) || FileLock.isHeld(supervisorLock) }

    /// Creates the folder and locks it for starting a cluster, atomically.
    ///
    /// - Returns: nil if the folder exists.
    func create() throws -> FileLock? {
        let draft = "\(Self.prefix)\(name).draft-\(getpid())"
        try? FileManager.default.removeItem(atPath: draft)
        guard mkdir(draft, 0o755) == 0, let lock = FileLock.tryAcquire(draft + "/up.lock") else {
            throw LocalClusterError(.fileSystem, "cannot create \(draft): \(String(cString: strerror(errno)))")
        }
        // rename() does not replace a folder that is not empty.
        if rename(draft, path) == 0 { return lock }
        let code = errno
        try? FileManager.default.removeItem(atPath: draft)
        guard code == ENOTEMPTY || code == EEXIST else {
            throw LocalClusterError(.fileSystem, "cannot create \(path): \(String(cString: strerror(code)))")
        }
        return nil
    }

    /// Removes the remains of a cluster whose process crashed.
    ///
    /// - Returns: false if the cluster is alive.
    func eraseIfAbandoned() async throws -> Bool {
        guard let lock = FileLock.tryAcquire(upLock) else { return !FileManager.default.fileExists(atPath: path) }
        defer { withExtendedLifetime(lock) {} }
        guard !FileLock.isHeld(supervisorLock) else { return false }
        try await erase()
        return true
    }

    /// Ends every process of the cluster, removes its names from /etc/hosts, and removes the folder. Works on
    /// incomplete and damaged clusters too.
    func erase() async throws {
        let files = FileManager.default
        let universes = ((try? files.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasPrefix("universe") }
        let servers = universes.flatMap { universe in
            ((try? files.contentsOfDirectory(atPath: "\(path)/\(universe)")) ?? []).filter { $0.hasPrefix("node") }
                .map { ServerProcesses(dataFolder: "\(path)/\(universe)/\($0)") }
        }
        await withTaskGroup { group in
            for server in servers { group.addTask { await server.shutDown(SIGQUIT, within: .seconds(3)) } }
        }
        try? SystemHosts(cluster: name).remove()
        // Retried, because the supervisor may still be writing a list.
        for attempt in 1... {
            do {
                try files.removeItem(atPath: path)
                return
            } catch {
                if !files.fileExists(atPath: path) { return }
                if attempt == 20 { throw LocalClusterError(.fileSystem, "cannot remove \(path): \(error)") }
                try? await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}
