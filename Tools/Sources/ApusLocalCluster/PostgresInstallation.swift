import Foundation

/// The PostgreSQL server programs on this machine.
struct PostgresInstallation: Sendable, Hashable {
    /// The folder that contains `postgres`, `initdb` and `pg_ctl`.
    let binaries: String
    /// The version that `postgres --version` prints, for example `15.18 (Debian 15.18-0+deb12u1)`.
    let version: String

    var initdb: String { binaries + "/initdb" }
    var postgres: String { binaries + "/postgres" }
    var control: String { binaries + "/pg_ctl" }

    /// Searches the folder `explicit` or, without it, `APUS_POSTGRES_BIN`, the folder that `pg_config` reports, the
    /// folders of Debian, Homebrew and Postgres.app (newest version first), and `PATH`.
    static func find(explicit: String?) async throws -> PostgresInstallation {
        let environment = ProcessInfo.processInfo.environment
        if let folder = explicit ?? environment["APUS_POSTGRES_BIN"], !folder.isEmpty {
            guard isServerFolder(folder) else {
                let source = explicit == nil ? "APUS_POSTGRES_BIN" : "The PostgreSQL folder given"
                throw LocalClusterError(
                    .postgresNotFound,
                    """
                    \(source), \(folder), does not contain the programs postgres, initdb and pg_ctl; wrapper scripts \
                    are not accepted.
                    """
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

    /// The folders of all installed versions, highest version first.
    private static func versions(under parent: String, prefix: String, suffix: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        return names.filter { $0.hasPrefix(prefix) }
            .sorted { $0.compare($1, options: .numeric) == .orderedDescending }
            .map { parent + "/" + $0 + suffix }
    }

    /// Returns true if the folder contains the programs themselves. Scripts with these names are wrappers of a
    /// distribution or an administrator, which may need root or other arguments.
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
