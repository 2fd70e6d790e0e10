import Foundation

/// Creates the folder of a server, and starts the server.
struct NodeBuilder: Sendable {
    let record: ClusterRecord
    let node: ClusterRecord.Node
    let folder: ClusterFolder

    /// Creates the folder and starts the server; returns when it accepts connections.
    func build(from source: String, _ template: DataTemplate) async throws {
        try await template.copy(source, to: folder.data(node))
        try ClusterFolder.write(Data(), to: folder.log(node.number))
        try record.account.take(folder.log(node.number))
        if record.encryption != .off {
            try await CertificateAuthority(folder: folder).issue(for: node, account: record.account)
        }
        try await start()
    }

    /// Writes the settings and starts the server; returns when it accepts connections.
    ///
    /// - Throws: ``LocalClusterError`` (`commandFailed`) with the end of the server's log.
    func start() async throws {
        try NodeSettings(record: record, node: node, folder: folder).write()
        var command = Command(
            record.binaries + "/pg_ctl",
            ["start", "--silent", "--wait", "--timeout=60", "-D", folder.data(node), "-l", folder.log(node.number)],
            account: record.account)
        command.ownSession = true
        do {
            try await command.run()
        } catch let error as LocalClusterError {
            let log = (try? String(contentsOfFile: folder.log(node.number), encoding: .utf8)) ?? ""
            let end = log.split(separator: "\n").suffix(8).joined(separator: "\n  ")
            throw LocalClusterError(error.code, "node \(node.number) did not start. Its log ends with:\n  \(end)")
        }
    }
}
