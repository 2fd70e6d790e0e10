import ApusPQ
import ApusValues

/// A statement and the values bound to it.
///
/// It is written as a string in which `\(value)` binds: the value travels apart from the text and is never part of it,
/// so no value can break out of its place.
///
///     try await connection.query("SELECT name FROM person WHERE id = \(id) AND born < \(date)")
///
/// - `\(value)` binds any ``PostgresEncodable`` value; an optional that is `nil` binds NULL.
/// - `\(sql)` inserts another ``SQL`` with its own bindings.
/// - `\(identifier: name)` inserts a name, quoted: a table or column that is known only at run time.
/// - `\(unescaped: text)` inserts text as it is. It must not come from outside the program.
///
/// A statement with placeholders `$1`, `$2`, … in its text has no values for them: use interpolation.
public struct SQL: Sendable, ExpressibleByStringInterpolation, CustomStringConvertible {
    /// The text that is sent, with placeholders `$1`, `$2`, …
    public private(set) var text: String
    private var bindings: Bindings?
    /// Where in the text (in UTF-8) each binding's placeholder starts: another statement may have to count on.
    private var placeholders: [Int]
    /// The first value that could not be encoded: reported when the statement is sent.
    private var failure: ApusError?

    public init(stringLiteral value: String) {
        text = value
        placeholders = []
    }

    /// A statement from text that is not known until the program runs. It must not hold values from outside: bind them.
    public init(unescaped text: String) { self.init(stringLiteral: text) }

    public init(stringInterpolation: StringInterpolation) { self = stringInterpolation.sql }

    /// How many values are bound.
    public var bindingCount: Int { placeholders.count }

    /// The text; bound values are not shown, for they may be secrets.
    public var description: String { text }

    /// Appends another statement's text and bindings.
    public mutating func append(_ other: SQL) {
        if failure == nil { failure = other.failure }
        guard !other.placeholders.isEmpty, let others = other.bindings else {
            text += other.text
            return
        }
        let utf8 = Array(other.text.utf8)
        var position = 0
        for (index, start) in other.placeholders.enumerated() {
            text += String(decoding: utf8[position..<start], as: UTF8.self)
            appendPlaceholder()
            position = start + 1 + Self.digits(index + 1)
        }
        text += String(decoding: utf8[position...], as: UTF8.self)
        uniqueBindings().append(others)
    }

    public static func + (left: SQL, right: SQL) -> SQL {
        var sql = left
        sql.append(right)
        return sql
    }

    /// The statements, one after another with a separator between: lists of conditions or of rows.
    public static func joined(_ parts: some Sequence<SQL>, separator: SQL = ", ") -> SQL {
        var sql: SQL = ""
        for (index, part) in parts.enumerated() {
            if index > 0 { sql.append(separator) }
            sql.append(part)
        }
        return sql
    }

    // MARK: Building

    fileprivate init(reserving capacity: Int) {
        text = ""
        text.reserveCapacity(capacity)
        placeholders = []
    }

    fileprivate mutating func bind<Value: PostgresEncodable>(_ value: Value) {
        appendPlaceholder()
        do {
            try uniqueBindings().append(value)
        } catch {
            if failure == nil {
                failure = error as? ApusError ?? ApusError(.encoding, "\(error)", underlying: error)
            }
        }
    }

    private mutating func appendPlaceholder() {
        placeholders.append(text.utf8.count)
        text += "$"
        text += String(placeholders.count)
    }

    private mutating func uniqueBindings() -> Bindings {
        if bindings == nil {
            bindings = Bindings()
        } else if !isKnownUniquelyReferenced(&bindings), let shared = bindings {
            let copy = Bindings()
            copy.append(shared)
            bindings = copy
        }
        // Just made where there was none.
        guard let bindings else { return Bindings() }
        return bindings
    }

    private static func digits(_ number: Int) -> Int { number < 10 ? 1 : 1 + digits(number / 10) }

    // MARK: Sending

    /// Why it cannot be sent, if it cannot.
    var problem: ApusError? {
        if let failure { return failure }
        if placeholders.count > Int(UInt16.max) {
            return ApusError(.usage, "a statement takes at most 65535 values, and this one has \(placeholders.count)")
        }
        if let problem = bindings?.parameters.problem { return ApusError(.encoding, problem.message) }
        if text.utf8.contains(0) { return ApusError(.usage, "the statement holds a zero byte") }
        return nil
    }

    /// The types of its parameters, which are part of what the server may know a prepared statement by.
    var parameterTypes: [UInt32] { bindings?.parameters.typeOIDs ?? [] }

    /// Sends it, to be parsed for this once.
    func send(on connection: inout PQConnection) throws(PQError) {
        if let bindings {
            try connection.send(query: text, parameters: bindings.parameters, binaryResults: true)
        } else {
            try connection.send(query: text, parameters: PQParameters(), binaryResults: true)
        }
    }

    /// Sends the bindings alone, for a statement that the server knows by name.
    func send(prepared name: String, on connection: inout PQConnection) throws(PQError) {
        if let bindings {
            try connection.send(prepared: name, parameters: bindings.parameters, binaryResults: true)
        } else {
            try connection.send(prepared: name, parameters: PQParameters(), binaryResults: true)
        }
    }
}

extension SQL {
    /// Collects the pieces of an interpolated statement.
    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        fileprivate var sql: SQL

        public init(literalCapacity: Int, interpolationCount: Int) {
            sql = SQL(reserving: literalCapacity + interpolationCount * 3)
        }

        public mutating func appendLiteral(_ literal: String) { sql.text += literal }

        /// Binds a value.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value) { sql.bind(value) }

        /// Inserts another statement with its bindings.
        public mutating func appendInterpolation(_ other: SQL) { sql.append(other) }

        /// Inserts a name, quoted.
        public mutating func appendInterpolation(identifier name: String) { sql.text += SQL.quoted(identifier: name) }

        /// Inserts text as it is, which must not come from outside the program.
        public mutating func appendInterpolation(unescaped text: String) { sql.text += text }
    }

    /// A name between double quotes, those within it doubled. In UTF-8, which connections of this library use, nothing
    /// else can end a quoted name.
    public static func quoted(identifier name: String) -> String {
        var text = "\""
        for scalar in name.unicodeScalars {
            if scalar == "\"" { text += "\"" }
            text.unicodeScalars.append(scalar)
        }
        return text + "\""
    }
}

/// Bound values, in the form in which they are sent. Changed only while one statement alone refers to them.
private final class Bindings: @unchecked Sendable {
    private(set) var parameters = PQParameters()
    private var writer = ByteWriter(minimumCapacity: 64)

    func append<Value: PostgresEncodable>(_ value: Value) throws {
        if value.isPostgresNull { return parameters.appendNull(type: Value.postgresType.rawValue) }
        writer.removeAll()
        do {
            try value.encode(to: &writer)
        } catch {
            // The placeholder is there already: keep the count.
            parameters.appendNull()
            throw error
        }
        let isBinary = Value.postgresFormat == .binary
        if !isBinary, writer.withUnsafeBytes({ $0.contains(0) }) {
            parameters.appendNull()
            throw ApusError(.encoding, "PostgreSQL's text cannot hold a zero byte")
        }
        parameters.append(type: Value.postgresType.rawValue, binary: isBinary) { bytes in
            writer.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
    }

    func append(_ other: Bindings) { parameters.append(contentsOf: other.parameters) }
}
