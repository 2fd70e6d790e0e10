import Foundation

/// A data folder that initdb makes once and that is copied for every node. It is cached between clusters: one per
/// PostgreSQL version, variant of `yb_servers()` and layout.
struct DataTemplate: Sendable {
    let installation: PostgresInstallation
    let account: ServerAccount
    let function: LocalCluster.ServersFunction

    /// Increase it whenever the result of `build` changes.
    private static let layout = 1

    /// The folder of cached templates: the user's cache folder or, for root, one that the servers' account can read.
    /// `APUS_CLUSTER_CACHE` overrides both.
    static func cacheFolder(_ account: ServerAccount) -> String {
        let environment = ProcessInfo.processInfo.environment
        if let folder = environment["APUS_CLUSTER_CACHE"], !folder.isEmpty { return folder }
        let fallback = "/tmp/apus-cluster-cache-\(geteuid())"
        if account.isBorrowed {
            return access("/var/cache", W_OK) == 0 ? "/var/cache/apus-cluster" : fallback
        }
        if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") { return folder + "/apus-cluster" }
        #if canImport(Darwin)
        let cache = NSHomeDirectory() + "/Library/Caches"
        #else
        let cache = NSHomeDirectory() + "/.cache"
        #endif
        try? FileManager.default.createDirectory(atPath: cache, withIntermediateDirectories: true)
        return access(cache, W_OK) == 0 ? cache + "/apus-cluster" : fallback
    }

    static func purge(_ account: ServerAccount) throws {
        let folder = cacheFolder(account)
        guard FileManager.default.fileExists(atPath: folder) else { return }
        try FileManager.default.removeItem(atPath: folder)
    }

    /// Returns the template's folder, and makes it if necessary. Processes that need the same template at the same time
    /// make it only once.
    func ready(_ progress: @Sendable (String) -> Void) async throws -> String {
        let cache = Self.cacheFolder(account)
        do {
            try FileManager.default.createDirectory(atPath: cache, withIntermediateDirectories: true)
        } catch {
            throw LocalClusterError(.fileSystem, "cannot create \(cache): \(error)")
        }
        try account.take(cache)
        let version = installation.version.map { $0.isLetter || $0.isNumber || $0 == "." ? $0 : "-" }
        let template = "\(cache)/\(String(version))-yb\(function.rawValue)-\(Self.layout)"
        if FileManager.default.fileExists(atPath: template) { return template }
        let lock = try await FileLock.acquire(cache + "/lock", within: .seconds(120))
        defer { withExtendedLifetime(lock) {} }
        if FileManager.default.fileExists(atPath: template) { return template }

        progress("Preparing a data folder for PostgreSQL \(installation.version) (kept in \(cache))")
        let draft = "\(cache)/draft"
        try? FileManager.default.removeItem(atPath: draft)
        do {
            try await build(draft)
        } catch {
            try? FileManager.default.removeItem(atPath: draft)
            throw error
        }
        guard rename(draft, template) == 0 else {
            throw LocalClusterError(.fileSystem, "cannot create \(template): \(String(cString: strerror(errno)))")
        }
        return template
    }

    private func build(_ folder: String) async throws {
        let password = folder + ".password"
        try ClusterFolder.write(Data((LocalCluster.password + "\n").utf8), to: password, mode: 0o600)
        try account.take(password)
        defer { unlink(password) }
        #if canImport(Darwin)
        let characters = "en_US.UTF-8"
        #else
        let characters = "C.UTF-8"
        #endif
        // The collation is that of YugabyteDB. WAL segments are small because they are copied for every node.
        try await Command(
            installation.initdb,
            [
                "-D", folder, "-U", LocalCluster.user, "--pwfile", password, "-A", "scram-sha-256", "-E", "UTF8",
                "--lc-collate=C", "--lc-ctype=\(characters)", "--lc-messages=C", "--wal-segsize=1", "--no-sync",
            ], account: account
        ).run()
        // In template1, before databases are created, so that all databases have the function.
        var statements = MemberList.definition(function).map { [$0] } ?? []
        statements += [
            "CREATE ROLE postgres SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS LOGIN",
            "DROP DATABASE postgres", "CREATE DATABASE postgres", "CREATE DATABASE \(LocalCluster.database)",
        ]
        // With -j, a statement ends with a semicolon and an empty line. The exit status does not show errors.
        let said = try await Command(
            installation.postgres,
            ["--single", "-j", "-D", folder, "-c", "fsync=off", "-c", "exit_on_error=on", "template1"],
            account: account,
            input: statements.map { $0 + ";\n\n" }.joined()
        ).run()
        if said.contains("ERROR:") || said.contains("FATAL:") {
            throw LocalClusterError(.commandFailed, "preparing the databases failed: \(said)")
        }
        // These files are written for every node.
        for file in ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"] { unlink("\(folder)/\(file)") }
    }

    /// Copies the template to a node's data folder, which must not exist.
    func copy(_ template: String, to folder: String) async throws {
        try account.makeFolder(folder)
        #if canImport(Darwin)
        let options = "-Rpc"
        #else
        let options = "-Rp"
        #endif
        try await Command("cp", [options, template + "/.", folder], account: account).run()
    }
}
