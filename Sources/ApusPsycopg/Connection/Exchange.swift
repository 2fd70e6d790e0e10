import ApusPQ
import ApusValues
import CApusLibPQ

/// One string of statements sent to the server, until the last of its results has come.
///
/// Where a transaction has to begin first, BEGIN travels in the same message, on a line in front. If its result is not
/// the first that comes back, the text did not parse and nothing ran: then BEGIN and the statements go apart, so
/// that the transaction's state is what two messages would have left.
struct Exchange: ~Copyable {
    private enum Phase {
        /// Nothing was sent.
        case idle
        /// The statements' results come.
        case statements
        /// BEGIN's result comes first, the statements' follow.
        case joined
        /// The joined text failed before BEGIN: the rest of the answer comes, then BEGIN goes alone.
        case falling
        case beginAlone
    }
    private var phase = Phase.idle
    private let text: ByteWriter
    /// The bytes of BEGIN and what parts it from the statements.
    private let beginCount: Int
    private let joins: Bool

    /// The last result; nil as long as none came, and when only BEGIN's did.
    private(set) var result: PQResult?
    /// Whether BEGIN took effect.
    private(set) var hasBegun = false
    /// How long the text in front of the statements was, where an error's position counts it.
    private(set) var prefixLength = 0

    /// - Parameters:
    ///   - begin: the command that starts the transaction, or nil.
    ///   - joins: whether `begin` may travel with the statements.
    init(_ statements: UnsafeRawBufferPointer, begin: String?, joins: Bool) {
        var text = ByteWriter(minimumCapacity: statements.count + 64)
        if let begin {
            text.append(begin)
            text.append(";\n")
        }
        beginCount = text.count
        text.append(statements)
        text.append(0)
        self.text = text
        self.joins = joins
    }

    mutating func advance(on connection: inout PQConnection) throws(PQError) -> Wait? {
        if phase == .idle { try start(&connection) }
        while true {
            switch try connection.nextResult() {
            case .wait(let wait): return wait
            case .done(nil):
                if try !goOn(&connection) { return nil }
            case .done(.some(let next)):
                if try take(next, connection.isBroken) { return nil }
            }
        }
    }

    mutating func takeResult() -> PQResult? { result.take() }

    private mutating func start(_ connection: inout PQConnection) throws(PQError) {
        if beginCount == 0 {
            phase = .statements
            try send(from: 0, &connection)
        } else if joins {
            phase = .joined
            try send(from: 0, &connection)
        } else {
            phase = .beginAlone
            try sendBegin(&connection)
        }
    }

    /// - Returns: whether to stop here, for the connection is in COPY mode now.
    private mutating func take(_ next: consuming PQResult, _ isBroken: Bool) throws(PQError) -> Bool {
        let status = next.status
        if phase == .joined && !hasBegun {
            if status == PGRES_COMMAND_OK {
                hasBegun = true
                prefixLength = beginCount
                return false
            }
            if !isBroken { phase = .falling }
        }
        if phase == .beginAlone, status == PGRES_COMMAND_OK { hasBegun = true }
        result = consume next
        return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH
    }

    /// All results of a message have come.
    /// - Returns: whether another message was sent.
    private mutating func goOn(_ connection: inout PQConnection) throws(PQError) -> Bool {
        switch phase {
        case .falling:
            phase = .beginAlone
            result = nil
            try sendBegin(&connection)
            return true
        case .beginAlone where hasBegun:
            phase = .statements
            result = nil
            try send(from: beginCount, &connection)
            return true
        default: return false
        }
    }

    private func send(from offset: Int, _ connection: inout PQConnection) throws(PQError) {
        try text.withUnsafeBytes { (bytes) throws(PQError) in
            guard let start = bytes.baseAddress else { return }
            try connection.send(query: (start + offset).assumingMemoryBound(to: CChar.self))
        }
    }

    private func sendBegin(_ connection: inout PQConnection) throws(PQError) {
        let begin = text.withUnsafeBytes { String(decoding: $0.prefix(beginCount - 2), as: UTF8.self) }
        try connection.send(query: begin)
    }
}
