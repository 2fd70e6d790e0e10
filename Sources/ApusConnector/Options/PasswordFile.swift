/// The password file (libpq's documentation, "The Password File").
///
/// libpq looks passwords up by the host it connects to. A node that was discovered has a name that the file may not
/// know, although it is the same cluster behind the same contact point; only for that case is the file read here.
enum PasswordFile {
    /// The password for a host, or `nil` where the file has none, cannot be read, or is open to others: libpq then
    /// ignores it, and warns.
    static func password(path: String, host: String, port: Int, database: String, user: String) -> String? {
        guard TextFile.isPrivate(path), let lines = TextFile.lines(of: path) else { return nil }
        // A socket stands for localhost in the file.
        let host = host.isEmpty || host.hasPrefix("/") || host.hasPrefix("@") ? "localhost" : host
        for line in lines where !line.hasPrefix("#") {
            let fields = fields(of: line)
            guard fields.count == 5 else { continue }
            let wanted = [host, String(port), database, user]
            if zip(fields, wanted).allSatisfy({ $0.isWildcard || $0.text == $1 }) { return fields[4].text }
        }
        return nil
    }

    private static func fields(of line: String) -> [(text: String, isWildcard: Bool)] {
        var fields: [(text: String, isWildcard: Bool)] = []
        var field = ""
        var raw = ""
        var isEscaped = false
        for character in line {
            raw.append(character)
            if isEscaped {
                field.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == ":" && fields.count < 4 {
                raw.removeLast()
                fields.append((field, raw == "*"))
                (field, raw) = ("", "")
            } else {
                field.append(character)
            }
        }
        fields.append((field, false))
        return fields
    }
}
