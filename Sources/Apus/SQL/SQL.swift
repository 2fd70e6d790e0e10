import ApusPQ
import ApusValues

/// A statement and the values bound to it.
///
/// It is written as a string, in which `\(value)` binds a value. Values are sent separately from the text, so that no
/// value can change the statement.
///
///     try await connection.query("SELECT name FROM person WHERE id = \(id) AND born < \(date)")
///
/// - `\(value)` binds any ``PostgresEncodable`` value; `nil` binds NULL.
/// - `\(sql)` inserts another ``SQL`` with its values.
/// - `\(identifier: name)` inserts a quoted name, for a table or column that is known only at run time.
/// - `\(unescaped: text)` inserts text unchanged. The text must not come from outside the program.
///
/// Placeholders `$1`, `$2`, … cannot be written in the text, because there is no way to give their values.
///
/// Source: <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQEXECPARAMS>
public struct SQL: Sendable, ExpressibleByStringInterpolation, CustomStringConvertible {
    /// The text that is sent, with placeholders `$1`, `$2`, …
    public private(set) var text: String
    private var bindings: Bindings?
    /// The UTF-8 offset of each placeholder in ``text``. They are needed to renumber the placeholders when the
    /// statement is appended to another.
    private var placeholders: [Int]
    /// The error of the first value that could not be encoded. It is thrown when the statement is executed.
    private var failure: ApusError?

    /// Makes a statement without values.
    public init(stringLiteral value: String) {
        text = value
        placeholders = []
    }

    /// Makes a statement from text that is known only at run time. The text must not contain values from outside the
    /// program; bind those.
    public init(unescaped text: String) { self.init(stringLiteral: text) }

    /// Makes a statement from an interpolated string.
    public init(stringInterpolation: StringInterpolation) { self = stringInterpolation.sql }

    /// The number of bound values.
    public var bindingCount: Int { placeholders.count }

    /// The text. Values are not shown, because they may be secrets.
    public var description: String { text }

    /// Appends the text and the values of another statement.
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

    /// A statement with the text and the values of two.
    public static func + (left: SQL, right: SQL) -> SQL {
        var sql = left
        sql.append(right)
        return sql
    }

    /// Joins statements with a separator between them, for example a list of conditions or of rows.
    ///
    ///     let rows = SQL.joined(people.map { "(\($0.id), \($0.name))" })
    ///     try await connection.execute("INSERT INTO person VALUES \(rows)")
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
        // It is never nil here.
        guard let bindings else { return Bindings() }
        return bindings
    }

    private static func digits(_ number: Int) -> Int { number < 10 ? 1 : 1 + digits(number / 10) }

    // MARK: Sending

    /// Why the statement cannot be sent; `nil` if it can.
    var problem: ApusError? {
        if let failure { return failure }
        if placeholders.count > Int(UInt16.max) {
            return ApusError(.usage, "a statement takes at most 65535 values, and this one has \(placeholders.count)")
        }
        if let problem = bindings?.parameters.problem { return ApusError(.encoding, problem.message) }
        if text.utf8.contains(0) { return ApusError(.usage, "the statement holds a zero byte") }
        return nil
    }

    /// The OIDs of the types of the values. They are part of a prepared statement.
    var parameterTypes: [UInt32] { bindings?.parameters.typeOIDs ?? [] }

    /// Sends the statement and its values, without preparing it.
    func send(on connection: inout PQConnection) throws(PQError) {
        if let bindings {
            try connection.send(query: text, parameters: bindings.parameters, binaryResults: true)
        } else {
            try connection.send(query: text, parameters: PQParameters(), binaryResults: true)
        }
    }

    /// Sends the values of a prepared statement.
    func send(prepared name: String, on connection: inout PQConnection) throws(PQError) {
        if let bindings {
            try connection.send(prepared: name, parameters: bindings.parameters, binaryResults: true)
        } else {
            try connection.send(prepared: name, parameters: PQParameters(), binaryResults: true)
        }
    }
}

extension SQL {
    /// Builds a statement from an interpolated string.
    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        fileprivate var sql: SQL

        /// Begins a statement. The compiler calls it.
        public init(literalCapacity: Int, interpolationCount: Int) {
            sql = SQL(reserving: literalCapacity + interpolationCount * 3)
        }

        /// Appends text of the program. The compiler calls it.
        public mutating func appendLiteral(_ literal: String) { sql.text += literal }

        /// Binds a value.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value) { sql.bind(value) }

        /// Inserts another statement with its values.
        public mutating func appendInterpolation(_ other: SQL) { sql.append(other) }

        /// Inserts a quoted name.
        public mutating func appendInterpolation(identifier name: String) { sql.text += SQL.quoted(identifier: name) }

        /// Inserts text unchanged. The text must not come from outside the program.
        public mutating func appendInterpolation(unescaped text: String) { sql.text += text }
    }

    /// Quotes a name: it is put between double quotes, and double quotes in it are doubled. This is enough, because the
    /// connections of this library use UTF-8.
    ///
    /// Source: <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
    public static func quoted(identifier name: String) -> String {
        var text = "\""
        for scalar in name.unicodeScalars {
            if scalar == "\"" { text += "\"" }
            text.unicodeScalars.append(scalar)
        }
        return text + "\""
    }
}

/// The bound values of a statement, encoded. It is Sendable because it is changed only while a single statement refers
/// to it (copy on write).
private final class Bindings: @unchecked Sendable {
    private(set) var parameters = PQParameters()
    private var writer = ByteWriter(minimumCapacity: 64)

    func append<Value: PostgresEncodable>(_ value: Value) throws {
        if value.isPostgresNull { return parameters.appendNull(type: Value.postgresType.rawValue) }
        writer.removeAll()
        do {
            try value.encode(to: &writer)
        } catch {
            // Keeps the number of parameters equal to that of the placeholders.
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
