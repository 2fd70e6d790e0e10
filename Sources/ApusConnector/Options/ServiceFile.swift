import ApusPQ

/// The connection service file. Source: <https://www.postgresql.org/docs/current/libpq-pgservice.html>
///
/// libpq reads the file itself, but refuses a section that has the smart driver's properties. Such a section is read
/// here and given to libpq as if it had been in the connection string.
enum ServiceFile {
    /// The directories where distributions of libpq look for the system-wide file.
    private static let systemDirectories = ["/etc/postgresql-common", "/etc/sysconfig/pgsql", "/etc", "/usr/local/etc"]

    /// The settings of a service, in the order of the file. `nil` if no readable file defines it, or if it refers to an
    /// LDAP server: libpq then decides.
    static func section(_ service: String, environment: (String) -> String?) -> [ConnectionParameter]? {
        var paths: [String] = []
        if let path = environment("PGSERVICEFILE") {
            paths.append(path)
        } else if let home = TextFile.home(environment) {
            paths.append(home + "/.pg_service.conf")
        }
        if let directory = environment("PGSYSCONFDIR") {
            paths.append(directory + "/pg_service.conf")
        } else {
            paths += systemDirectories.map { $0 + "/pg_service.conf" }
        }
        for path in paths {
            guard let lines = TextFile.lines(of: path) else { continue }
            if let section = section(service, in: lines) { return section.isEmpty ? nil : section }
        }
        return nil
    }

    private static func section(_ service: String, in lines: [ArraySlice<UInt8>]) -> [ConnectionParameter]? {
        var settings: [ConnectionParameter]?
        for line in lines {
            let text = ASCII.trimmed(line)
            if text.isEmpty || text.first == UInt8(ascii: "#") { continue }
            if text.first == UInt8(ascii: "[") {
                // Only the first section of that name counts.
                if settings != nil { return settings }
                if text.elementsEqual("[\(service)]".utf8) { settings = [] }
                continue
            }
            guard settings != nil else { continue }
            if text.starts(with: "ldap://".utf8) || text.starts(with: "ldaps://".utf8) { return [] }
            guard let equals = text.firstIndex(of: UInt8(ascii: "=")) else { return [] }
            settings?.append(
                ConnectionParameter(
                    String(decoding: text[..<equals], as: UTF8.self),
                    String(decoding: text[(equals + 1)...], as: UTF8.self)))
        }
        return settings
    }
}
