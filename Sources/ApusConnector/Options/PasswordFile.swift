import ApusCluster
import ApusPQ

/// The password file (libpq's documentation, "The Password File").
///
/// libpq looks passwords up by the host it connects to. A node that was discovered has a name that the file may not
/// know, although it is the same cluster behind the same contact point; only for that case is the file read here.
enum PasswordFile {
    /// The password for a host, or `nil` where the file has none, cannot be read, or is open to others: libpq then
    /// ignores it, and warns.
    static func password(path: String, endpoint: Endpoint, database: String, user: String) -> String? {
        guard TextFile.isPrivate(path), let lines = TextFile.lines(of: path) else { return nil }
        // A socket stands for localhost in the file.
        let isSocket = endpoint.host.isEmpty || HostAddresses.isUnixSocket(endpoint.host)
        let wanted = [isSocket ? "localhost" : endpoint.host, String(endpoint.port), database, user]
        for line in lines where line.first != UInt8(ascii: "#") {
            if let password = password(in: line, for: wanted) { return password }
        }
        return nil
    }

    /// The last field of a line whose other fields are what is wanted.
    private static func password(in line: ArraySlice<UInt8>, for wanted: [String]) -> String? {
        var rest = line
        for text in wanted {
            guard let field = field(&rest), rest.popFirst() != nil else { return nil }
            if !field.isWildcard && !field.bytes.elementsEqual(text.utf8) { return nil }
        }
        return field(&rest).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    /// The field before the next colon that has no backslash before it. The colon is left.
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
