/// The databases of one server that were found to have no `yb_servers()`. The function is a database's own: another
/// database of the same server may have it.
struct PlainDatabases {
    private struct Entry {
        var found: Duration?
        var hasWarned = false
        var lastUse: UInt64 = 0
    }

    /// By the names' bytes: what Swift's strings may call equal are two databases for a server.
    private var entries: [[UInt8]: Entry] = [:]
    private var uses: UInt64 = 0

    /// Programs connect to a handful of databases; one that makes up names must not make this grow for ever.
    static let limit = 64

    /// When the database was last found to have no function.
    func found(_ database: String) -> Duration? { entries[Array(database.utf8)]?.found }

    mutating func note(_ database: String, _ now: Duration) { change(database) { $0.found = now } }

    /// Whether this was not asked before.
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
