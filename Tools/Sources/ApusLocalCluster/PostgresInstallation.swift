import Foundation

/// PostgreSQL's server binaries on this machine.
struct PostgresInstallation: Sendable, Hashable {
    /// The folder that has `postgres`, `initdb` and `pg_ctl`.
    let binaries: String
    /// What `postgres --version` prints after the program's name, for example `15.18 (Debian 15.18-0+deb12u1)`.
    let version: String

    var initdb: String { binaries + "/initdb" }
    var postgres: String { binaries + "/postgres" }
    var control: String { binaries + "/pg_ctl" }

    /// Looks where `explicit` says, or else in `APUS_POSTGRES_BIN`, where `pg_config` says, where Debian, Homebrew and
    /// Postgres.app put servers (the newest first), and in `PATH`.
    static func find(explicit: String?) async throws -> PostgresInstallation {
        let environment = ProcessInfo.processInfo.environment
        if let folder = explicit ?? environment["APUS_POSTGRES_BIN"], !folder.isEmpty {
            guard isServerFolder(folder) else {
                let source = explicit == nil ? "APUS_POSTGRES_BIN" : "The PostgreSQL folder given"
                throw LocalClusterError(
                    .postgresNotFound,
                    "\(source), \(folder), lacks the programs postgres, initdb and pg_ctl (scripts do not count)."
                )
            }
            return try await at(folder)
        }
        var folders: [String] = []
        if let answer = try? await Command("pg_config", ["--bindir"]).run() {
            folders.append(answer.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        folders += versions(under: "/usr/lib/postgresql", prefix: "", suffix: "/bin")
        folders += versions(under: "/opt/homebrew/opt", prefix: "postgresql", suffix: "/bin")
        folders += versions(under: "/usr/local/opt", prefix: "postgresql", suffix: "/bin")
        folders += versions(under: "/Applications/Postgres.app/Contents/Versions", prefix: "", suffix: "/bin")
        folders += (environment["PATH"] ?? "").split(separator: ":").map(String.init)
        folders.append("/usr/local/pgsql/bin")
        guard let folder = folders.first(where: isServerFolder) else {
            throw LocalClusterError(
                .postgresNotFound,
                """
                PostgreSQL's server programs (postgres, initdb, pg_ctl) were not found. Install them with \
                'apt-get install postgresql' (Debian, Ubuntu) or 'brew install postgresql' (macOS), or name their \
                folder in APUS_POSTGRES_BIN.
                """)
        }
        return try await at(folder)
    }

    private static func at(_ folder: String) async throws -> PostgresInstallation {
        let answer = try await Command(folder + "/postgres", ["--version"]).run()
        let version = answer.trimmingCharacters(in: .whitespacesAndNewlines)
        let prefix = "postgres (PostgreSQL) "
        return PostgresInstallation(
            binaries: folder, version: version.hasPrefix(prefix) ? String(version.dropFirst(prefix.count)) : version)
    }

    /// The folders of several versions side by side, the highest version first.
    private static func versions(under parent: String, prefix: String, suffix: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        return names.filter { $0.hasPrefix(prefix) }
            .sorted { $0.compare($1, options: .numeric) == .orderedDescending }
            .map { parent + "/" + $0 + suffix }
    }

    /// Whether the folder holds the programs themselves. Scripts of the same names are wrappers that a distribution or
    /// an administrator put before them; they may demand root or other arguments.
    private static func isServerFolder(_ folder: String) -> Bool {
        ["postgres", "initdb", "pg_ctl"].allSatisfy { name in
            let path = folder + "/" + name
            guard access(path, X_OK) == 0, let file = FileHandle(forReadingAtPath: path) else { return false }
            defer { try? file.close() }
            guard let start = try? file.read(upToCount: 2), start.count == 2 else { return false }
            return !start.elementsEqual("#!".utf8)
        }
    }
}
