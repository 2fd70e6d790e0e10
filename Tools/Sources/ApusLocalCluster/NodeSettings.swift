import Foundation

/// The configuration files of a server.
struct NodeSettings {
    let record: ClusterRecord
    let node: ClusterRecord.Node
    let folder: ClusterFolder

    /// Writes `postgresql.conf`, `pg_hba.conf` and an empty `pg_ident.conf`, for the server's account only.
    func write() throws {
        let data = folder.data(node)
        for (name, text) in [("postgresql.conf", settings), ("pg_hba.conf", access), ("pg_ident.conf", "")] {
            try ClusterFolder.write(Data(text.utf8), to: "\(data)/\(name)", mode: 0o600)
            try record.account.take("\(data)/\(name)")
        }
    }

    private var settings: String {
        var lines = [
            "listen_addresses = '\(node.address)'",
            "port = \(node.portBehindProxy ?? node.port)",
            // No Unix socket: its path could be too long, and it would have to be removed.
            "unix_socket_directories = ''",
            "cluster_name = 'apus \(record.name) node\(node.number)'",
            // Enough for tests that open hundreds of connections. Little memory, because many nodes share one machine.
            "max_connections = 400",
            "shared_buffers = 32MB",
            "max_wal_size = 256MB",
            "min_wal_size = 5MB",
            "jit = off",
            "huge_pages = off",
            // Segments are files in the data folder, so that a killed server leaves none in /dev/shm.
            "dynamic_shared_memory_type = mmap",
            // For speed: the data need not survive the cluster.
            "fsync = off",
            "synchronous_commit = off",
            "full_page_writes = off",
            // Two-phase commit and both kinds of replication are enabled for driver tests.
            "wal_level = logical",
            "max_wal_senders = 10",
            "max_replication_slots = 10",
            "max_prepared_transactions = 64",
            "password_encryption = 'scram-sha-256'",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
            "lc_messages = 'C'",
            "default_text_search_config = 'pg_catalog.english'",
            "log_connections = on",
            "log_line_prefix = '%m [%p] %u@%d '",
        ]
        if speaksTLS {
            lines += ["ssl = on", "ssl_cert_file = 'server.crt'", "ssl_key_file = 'server.key'"]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// True if the server itself terminates TLS, not a proxy in front of it.
    private var speaksTLS: Bool { record.encryption != .off && record.tlsRecordSize == nil }

    private var access: String {
        let type = speaksTLS && record.encryption == .required ? "hostssl" : "host"
        let method = record.authentication == .trust ? "trust" : "scram-sha-256"
        return ["all", "replication"].map { "\(type) \($0) all 127.0.0.0/8 \(method)\n" }.joined()
    }
}
