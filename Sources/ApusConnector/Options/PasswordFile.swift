import ApusCluster
import ApusPQ

/// The password file. Source: <https://www.postgresql.org/docs/current/libpq-pgpass.html>
///
/// libpq looks up passwords by the host that it connects to. The file may have no line for a discovered node, but one
/// for a contact point of the same cluster. The file is read here only for that case.
enum PasswordFile {
    /// The password for an endpoint. `nil` if the file has none, cannot be read, or is accessible to others, in which
    /// case libpq ignores it and warns.
    static func password(path: String, endpoint: Endpoint, database: String, user: String) -> String? {
        guard TextFile.isPrivate(path), let lines = TextFile.lines(of: path) else { return nil }
        // In the file, Unix sockets have the name localhost.
        let isSocket = endpoint.host.isEmpty || HostAddresses.isUnixSocket(endpoint.host)
        let wanted = [isSocket ? "localhost" : endpoint.host, String(endpoint.port), database, user]
        for line in lines where line.first != UInt8(ascii: "#") {
            if let password = password(in: line, for: wanted) { return password }
        }
        return nil
    }

    /// The last field of a line whose other fields match.
    private static func password(in line: ArraySlice<UInt8>, for wanted: [String]) -> String? {
        var rest = line
        for text in wanted {
            guard let field = field(&rest), rest.popFirst() != nil else { return nil }
            if !field.isWildcard && !field.bytes.elementsEqual(text.utf8) { return nil }
        }
        return field(&rest).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    /// Reads the field before the next colon that has no backslash before it. The colon is not removed.
    private static func field(_ rest: inout ArraySlice<UInt8>) -> (bytes: [UInt8], isWildcard: Bool)? {
        let start = rest.startIndex
        var bytes: [UInt8] = []
        while let byte = rest.first, byte != UInt8(ascii: ":") {
            rest.removeFirst()
            if byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() {
                bytes.append(escaped)
            } else {
                bytes.append(byte)
            }
        }
        return (bytes, bytes == [UInt8(ascii: "*")] && rest.startIndex == start + 1)
    }
}
