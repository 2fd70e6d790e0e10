import ApusWaiting

/// Reads small files of settings.
enum TextFile {
    /// The lines of a file, without line ends; `nil` if it cannot be read.
    static func lines(of path: String) -> [ArraySlice<UInt8>]? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0
        }
    }

    /// Whether a path is a regular file that only its owner may read or write, as a password file has to be.
    static func isPrivate(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return status.st_mode & S_IFMT == S_IFREG && status.st_mode & (S_IRWXG | S_IRWXO) == 0
    }

    /// The user's home directory, by libpq's rules.
    static func home(_ environment: (String) -> String?) -> String? {
        if let home = environment("HOME"), !home.isEmpty { return home }
        return withUser { $0.pw_dir.map { String(cString: $0) } }
    }

    /// The name of the user that the process runs as.
    static var userName: String? { withUser { $0.pw_name.map { String(cString: $0) } } }

    private static func withUser(_ body: (passwd) -> String?) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16384) { buffer in
            guard let words = buffer.baseAddress,
                getpwuid_r(geteuid(), &entry, words, buffer.count, &found) == 0, found != nil
            else { return nil }
            return body(entry)
        }
    }
}
