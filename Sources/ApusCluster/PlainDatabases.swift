/// The databases of one server that were found to have no `yb_servers()`. Another database of the server may have the
/// function, because each database has its own functions.
struct PlainDatabases {
    private struct Entry {
        var found: Duration?
        var hasWarned = false
        var lastUse: UInt64 = 0
    }

    /// The keys are the names' bytes, because strings that are equal in Swift may be two databases for a server.
    private var entries: [[UInt8]: Entry] = [:]
    private var uses: UInt64 = 0

    /// A program connects to a handful of databases; one that generates names must not make this grow for ever.
    static let limit = 64

    /// When a database was last found to have no `yb_servers()`; `nil` if it was not.
    func found(_ database: String) -> Duration? { entries[Array(database.utf8)]?.found }

    /// Records that a database was found to have no `yb_servers()`.
    mutating func record(_ database: String, _ now: Duration) { change(database) { $0.found = now } }

    /// Whether this is the first call for the database.
    mutating func shouldWarn(_ database: String) -> Bool {
        var isFirst = false
        change(database) { entry in
            isFirst = !entry.hasWarned
            entry.hasWarned = true
        }
        return isFirst
    }

    private mutating func change(_ database: String, _ body: (inout Entry) -> Void) {
        uses &+= 1
        let database = Array(database.utf8)
        if entries[database] == nil, entries.count >= Self.limit,
            let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key
        {
            entries[oldest] = nil
        }
        body(&entries[database, default: Entry()])
        entries[database]?.lastUse = uses
    }
}
