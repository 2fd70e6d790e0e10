import Foundation

/// The account that servers run as. PostgreSQL refuses to run as root, so root uses another account.
struct ServerAccount: Sendable, Hashable, Codable {
    var name: String
    var userID: UInt32
    var groupID: UInt32
    /// True if commands must switch to the account, because this process runs as root.
    var isBorrowed: Bool

    /// The account of this process or, for root, `postgres` if it exists, else `nobody`.
    static func current() throws -> ServerAccount {
        guard geteuid() == 0 else {
            let name = getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) }
            return ServerAccount(
                name: name ?? String(geteuid()), userID: geteuid(), groupID: getegid(), isBorrowed: false)
        }
        for name in ["postgres", "nobody"] {
            if let entry = getpwnam(name), entry.pointee.pw_uid != 0 {
                return ServerAccount(
                    name: name, userID: entry.pointee.pw_uid, groupID: entry.pointee.pw_gid, isBorrowed: true)
            }
        }
        throw LocalClusterError(
            .wrongState, "PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as"
        )
    }

    /// Creates a folder that only the account can access.
    func makeFolder(_ path: String) throws {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw LocalClusterError(.fileSystem, "cannot create \(path): \(String(cString: strerror(errno)))")
        }
        try take(path)
    }

    /// Makes the account the owner of a file or folder.
    func take(_ path: String) throws {
        guard isBorrowed else { return }
        guard chown(path, userID, groupID) == 0 else {
            throw LocalClusterError(
                .fileSystem, "cannot give \(path) to \(name): \(String(cString: strerror(errno)))")
        }
    }
}
