import ApusPQ

/// The statements that a server session keeps prepared, so that they are not parsed each time.
///
/// A statement is prepared when it is used for the second time, so that a statement that is used once takes no memory
/// on the server. If the cache is full, the least recently used statement is removed.
struct StatementCache {
    /// What identifies a statement: its text and the types of its parameters.
    struct Key: Hashable {
        var text: String
        var types: [UInt32]

        /// Compares the bytes of the text, because Swift's `==` is true for canonically equivalent strings, which are
        /// different statements for the server.
        static func == (left: Self, right: Self) -> Bool {
            left.text.isWritten(as: right.text) && left.types == right.types
        }
    }

    /// How a statement is sent.
    enum Plan {
        /// Without preparing it.
        case unnamed
        /// Prepared and executed in the same round trip.
        case prepare(Statement)
        /// Executed, because it is prepared.
        case prepared(Statement)
    }

    /// A statement in the cache.
    final class Statement {
        enum Stage {
            /// It was used once, and is not prepared.
            case seen
            /// It was sent to be prepared, and the server has not answered.
            case preparing
            /// The server keeps it.
            case prepared
            /// It was removed from the cache.
            case removed
        }
        let key: Key
        let name: String
        var stage = Stage.seen
        fileprivate var lastUse = 0

        init(key: Key, number: Int) {
            self.key = key
            name = "apus\(number)"
        }
    }

    private var statements: [Key: Statement] = [:]
    private var uses = 0
    private var number = 0
    private let capacity: Int
    /// The names of removed statements that the server still keeps.
    private(set) var discarded: [String] = []

    /// - Parameter capacity: the maximum number of statements. If it is 0, none is prepared.
    init(capacity: Int) { self.capacity = capacity }

    /// Decides how to send a statement.
    mutating func plan(_ key: Key) -> Plan {
        guard capacity > 0 else { return .unnamed }
        uses += 1
        guard let statement = statements[key] else {
            insert(key)
            return .unnamed
        }
        statement.lastUse = uses
        switch statement.stage {
        case .seen:
            statement.stage = .preparing
            return .prepare(statement)
        case .prepared: return .prepared(statement)
        // It is unknown yet whether the server could prepare it.
        case .preparing, .removed: return .unnamed
        }
    }

    /// Removes a statement that the server does not know or cannot execute any more.
    mutating func remove(_ statement: Statement) {
        guard statements[statement.key] === statement else { return }
        statements[statement.key] = nil
        discard(statement)
    }

    /// Removes all statements, because the server has deallocated them.
    mutating func removeAll() {
        for statement in statements.values { statement.stage = .removed }
        statements = [:]
        discarded = []
    }

    /// Removes and returns the names that are to be deallocated.
    mutating func takeDiscarded() -> [String] {
        defer { discarded = [] }
        return discarded
    }

    private mutating func insert(_ key: Key) {
        if statements.count >= capacity, let oldest = statements.values.min(by: { $0.lastUse < $1.lastUse }) {
            remove(oldest)
        }
        number += 1
        let statement = Statement(key: key, number: number)
        statement.lastUse = uses
        statements[key] = statement
    }

    private mutating func discard(_ statement: Statement) {
        if statement.stage == .prepared || statement.stage == .preparing { discarded.append(statement.name) }
        statement.stage = .removed
    }
}

extension SQL {
    /// What identifies the statement in the cache.
    var cacheKey: StatementCache.Key {
        StatementCache.Key(text: text, types: parameterTypes)
    }
}
