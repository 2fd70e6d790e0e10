import ApusPQ

/// The statements that a server session keeps prepared, so that a repeated one is not parsed again.
///
/// A statement is prepared when it is used for the second time: what is used once leaves nothing behind. Beyond the
/// capacity, the one that was not used for longest goes.
struct StatementCache {
    /// What makes two statements the same: the text, and the types of what is bound.
    struct Key: Hashable {
        var text: String
        var types: [UInt32]

        /// By the text's bytes: what differs in them is another statement for the server, although Swift's strings may
        /// call the two equal.
        static func == (left: Self, right: Self) -> Bool {
            left.text.isWritten(as: right.text) && left.types == right.types
        }
    }

    /// How a statement is to be sent.
    enum Plan {
        /// To be parsed for this once.
        case unnamed
        /// To be prepared, and executed with the same round trip.
        case prepare(Statement)
        case prepared(Statement)
    }

    final class Statement {
        enum Stage { case seen, preparing, prepared, gone }
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
    /// Names that the server still keeps, and that are not used again.
    private(set) var discarded: [String] = []

    /// - Parameter capacity: how many statements are kept; 0 prepares none.
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
        // Not known yet whether the server took it.
        case .preparing, .gone: return .unnamed
        }
    }

    /// Forgets a statement that the server does not know, or cannot run, any more.
    mutating func remove(_ statement: Statement) {
        guard statements[statement.key] === statement else { return }
        statements[statement.key] = nil
        discard(statement)
    }

    /// Forgets all: the server did so.
    mutating func removeAll() {
        for statement in statements.values { statement.stage = .gone }
        statements = [:]
        discarded = []
    }

    /// The names that are to be deallocated now.
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
        statement.stage = .gone
    }
}

extension SQL {
    /// What identifies the statement among those that are prepared.
    var cacheKey: StatementCache.Key {
        StatementCache.Key(text: text, types: parameterTypes)
    }
}
