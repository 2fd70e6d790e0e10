import Foundation

extension LocalCluster {
    /// Shuts a node down cleanly: sessions are ended and data is written. Does nothing if the node is down.
    ///
    /// - Throws: ``LocalClusterError`` (`noSuchNode`, `notRunning`), as all calls for one node.
    public func stop(_ number: Int) async throws {
        try await withNode(number) { node in
            try change(number) { $0.isStopped = true }
            await folder.processes(node).shutDown(SIGINT, within: .seconds(10))
        }
    }

    /// Starts a stopped or killed node and returns when it accepts connections. Does nothing if it is running.
    ///
    /// - Throws: ``LocalClusterError``, `wrongState` if the node is frozen.
    public func start(_ number: Int) async throws {
        try await withNode(number) { node in
            let processes = folder.processes(node)
            if processes.condition == .frozen {
                throw LocalClusterError(.wrongState, "node \(number) is frozen, not down: thaw it")
            }
            guard !processes.isReady else { return }
            await processes.killAll()
            try await NodeBuilder(record: record, node: node, folder: folder).start()
            try change(number) { $0.isStopped = false }
            if node.portBehindProxy != nil { try await awaitProxy(node) }
        }
    }

    /// Kills the server and all its sessions with SIGKILL. Clients see a connection reset.
    public func kill(_ number: Int) async throws {
        try await withNode(number) { node in
            try change(number) { $0.isStopped = false }
            await folder.processes(node).killAll()
            if node.portBehindProxy != nil { try await awaitProxy(node, accepting: false) }
        }
    }

    /// Suspends the processes of a node: it accepts connections but never answers. Does nothing if it is frozen.
    ///
    /// - Throws: ``LocalClusterError``, `wrongState` if the node is down.
    public func freeze(_ number: Int) async throws {
        try await withNode(number) { node in
            let processes = folder.processes(node)
            guard processes.condition != .gone else {
                throw LocalClusterError(.wrongState, "node \(number) is down: only a running node can be frozen")
            }
            processes.freeze()
        }
    }

    /// Resumes a frozen node.
    ///
    /// - Throws: ``LocalClusterError``, `wrongState` if the node is down.
    public func thaw(_ number: Int) async throws {
        try await withNode(number) { node in
            let processes = folder.processes(node)
            guard processes.condition != .gone else {
                throw LocalClusterError(.wrongState, "node \(number) is down: start it")
            }
            processes.thaw()
        }
    }

    /// Delays every response of a node, on existing and new connections; zero removes the delay.
    ///
    /// The first delay of a node restarts it behind a proxy, unless the cluster was started with ``Options/delayable``;
    /// later changes do not interrupt sessions. The proxy stays until the cluster goes down.
    ///
    /// - Parameter delay: 0 to 600 s, in whole milliseconds.
    /// - Throws: ``LocalClusterError``, `wrongState` if the cluster's supervisor, which runs the proxy, is gone.
    public func delay(_ number: Int, by delay: Duration) async throws {
        // Checked before `components`, which traps if the seconds do not fit Int64.
        guard delay >= .zero, delay <= .seconds(600) else {
            throw LocalClusterError(.invalidValue, "the delay must be 0 to 600,000 ms, not \(delay)")
        }
        let (seconds, attoseconds) = delay.components
        let milliseconds = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
        guard isSupervised else {
            throw LocalClusterError(
                .wrongState, "the supervisor of cluster '\(name)' does not run, so nodes cannot be delayed")
        }
        guard record.tlsRecordSize == nil else {
            throw LocalClusterError(
                .wrongState, "cluster '\(name)' has a tls-record-size, so its nodes cannot be delayed")
        }
        try await withNode(number) { node in
            var node = node
            if node.portBehindProxy == nil, milliseconds > 0 {
                let processes = folder.processes(node)
                if processes.condition == .frozen {
                    throw LocalClusterError(.wrongState, "node \(number) is frozen: thaw it before it is delayed")
                }
                let wasRunning = processes.condition == .running
                await processes.shutDown(SIGINT, within: .seconds(10))
                node.portBehindProxy = try BoundSocket(.stream, LoopbackAddress(parsing: node.address), port: 0).port
                let port = node.portBehindProxy
                try change(number) { $0.portBehindProxy = port }
                if wasRunning {
                    try await NodeBuilder(record: record, node: node, folder: folder).start()
                    try await awaitProxy(node)
                }
            }
            try change(number) { $0.delayMilliseconds = milliseconds }
            // The proxy reads the new delay once per beat.
            try await Task.sleep(for: Supervisor.beat + .milliseconds(50))
        }
    }

    /// Changes the placement of a node in `yb_servers()`.
    public func setPlacement(_ number: Int, _ placement: Placement) throws {
        try change(number) { $0.placement = placement }
    }

    /// Changes the public address of a node in `yb_servers()`; an empty string means none.
    public func setPublicIP(_ number: Int, _ address: String) throws {
        try change(number) { $0.publicIP = address }
    }

    /// Changes the host of a node in `yb_servers()`. With TLS, the node gets a certificate for this host only.
    ///
    /// - Parameter resolvable: whether the cluster makes the name resolve to the node's address, as it does for its own
    ///   names. Otherwise it is not made resolvable.
    public func setHost(_ number: Int, _ host: String, resolvable: Bool = false) async throws {
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: ",") }) else {
            throw LocalClusterError(.invalidValue, "'\(host)' is not a host name or an address")
        }
        try await withNode(number) { node in
            try change(number) { node in
                node.host = host
                node.ownsHostName = resolvable && !CertificateAuthority.isAddress(host)
            }
            let record = self.record
            if node.ownsHostName || resolvable { try folder.publishNames(record) { _ in } }
            if record.encryption != .off {
                let changed = record.nodes[try record.index(of: number)]
                try await CertificateAuthority(folder: folder).issue(for: changed, account: record.account)
                folder.processes(node).signalPostmaster(SIGHUP)
            }
        }
    }

    /// Adds a node at the next free address and returns its number once it accepts connections.
    ///
    /// - Parameters:
    ///   - placement: nil for ``Placement/standard``.
    ///   - universe: the number of the universe that the node joins, from 1.
    @discardableResult
    public func addNode(
        placement: Placement? = nil, type: NodeType = .primary, publicIP: String = "", universe: Int = 1
    ) async throws -> Int {
        let node = try folder.update { record in
            guard record.universes.contains(where: { $0.number == universe }) else {
                throw LocalClusterError(
                    .invalidValue, "there is no universe \(universe): they are 1 to \(record.universes.count)")
            }
            guard let first = record.nodes.first,
                let base = try LoopbackAddress(parsing: first.address).advanced(by: 1 - first.number),
                let address = base.advanced(by: record.lastNumber)
            else { throw LocalClusterError(.addressUnavailable, "no address is left for another node") }
            _ = try BoundSocket(.stream, address, port: record.port)
            record.lastNumber += 1
            let number = record.lastNumber
            let node = ClusterRecord.Node(
                number: number, universe: universe, uuid: ClusterRecord.newUUID(), address: address.description,
                port: record.port,
                portBehindProxy: record.hasProxies ? try BoundSocket(.stream, address, port: 0).port : nil,
                delayMilliseconds: 0,
                host: record.hostNames ? "node\(number).\(record.name).apus.test" : address.description,
                ownsHostName: record.hostNames, publicIP: publicIP, placement: placement ?? .standard, type: type,
                // The node is listed once the supervisor has seen it running.
                isStopped: true, lostAt: 0)
            record.nodes.append(node)
            return node
        }
        do {
            try await withNode(node.number) { _ in
                let record = self.record
                let installation = try await PostgresInstallation.find(explicit: record.binaries)
                let template = DataTemplate(
                    installation: installation, account: record.account, function: record.serversFunction)
                if record.hostNames { try folder.publishNames(record) { _ in } }
                try await NodeBuilder(record: record, node: node, folder: folder).build(
                    from: template.ready { _ in }, template)
                try change(node.number) { $0.isStopped = false }
                if node.portBehindProxy != nil { try await awaitProxy(node) }
            }
        } catch {
            let this = self
            await Task.detached { try? await this.removeNode(node.number) }.value
            throw error
        }
        return node.number
    }

    /// Removes a node from the cluster: stops its server, deletes its data, and removes it from the list.
    ///
    /// - Throws: ``LocalClusterError``, `wrongState` for the last node.
    public func removeNode(_ number: Int) async throws {
        try await withNode(number) { node in
            let record = try folder.update { record in
                guard record.nodes.count > 1 else {
                    throw LocalClusterError(
                        .wrongState, "node \(number) is the last one: take the cluster down instead")
                }
                record.nodes.remove(at: try record.index(of: number))
                return record
            }
            await folder.processes(node).shutDown(SIGINT, within: .seconds(10))
            try? FileManager.default.removeItem(atPath: folder.data(node))
            unlink(folder.log(number))
            if node.ownsHostName { try folder.publishNames(record) { _ in } }
        }
        unlink(folder.lock(number))
    }

    /// Runs `body` while no other command can change the node, and then updates the list.
    private func withNode<R>(_ number: Int, _ body: (ClusterRecord.Node) async throws -> R) async throws -> R {
        let record = try folder.load()
        _ = try record.index(of: number)
        let lock = try await FileLock.acquire(folder.lock(number), within: .seconds(90))
        defer { withExtendedLifetime(lock) {} }
        let current = try folder.load()
        let result = try await body(current.nodes[try current.index(of: number)])
        try folder.update { _ in }
        return result
    }

    private func change(_ number: Int, _ change: (inout ClusterRecord.Node) -> Void) throws {
        try folder.update { record in change(&record.nodes[try record.index(of: number)]) }
    }

    /// Waits until the proxy in front of a node accepts connections, or refuses them.
    func awaitProxy(_ node: ClusterRecord.Node, accepting: Bool = true) async throws {
        let address = try LoopbackAddress(parsing: node.address)
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            // If the address can be bound, no process is listening on it.
            if ((try? BoundSocket(.stream, address, port: node.port)) == nil) == accepting { return }
            guard ContinuousClock.now < deadline else {
                throw LocalClusterError(.timedOut, "the proxy in front of node \(node.number) did not respond")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
