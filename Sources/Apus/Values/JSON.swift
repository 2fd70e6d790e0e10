import ApusValues

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A value that is stored as JSON. It is sent as `jsonb`, and read from `jsonb` and `json`, with Foundation's
/// `JSONEncoder` and `JSONDecoder`.
///
///     try await connection.execute("INSERT INTO document VALUES (\(JSON(settings)))")
///     let json = try await connection.first("SELECT body FROM document", as: JSON<Settings>.self)
public struct JSON<Value> {
    /// The value.
    public var value: Value

    /// Wraps a value.
    public init(_ value: Value) { self.value = value }
}

extension JSON: Sendable where Value: Sendable {}
extension JSON: Equatable where Value: Equatable {}
extension JSON: Hashable where Value: Hashable {}

extension JSON: PostgresEncodable where Value: Encodable {
    public static var postgresType: PostgresType { .jsonb }

    public func encode(to writer: inout ByteWriter) throws {
        let data: Data
        do { data = try JSONEncoder().encode(value) } catch {
            throw ApusError(.encoding, "the value cannot be written as JSON", underlying: error)
        }
        data.withUnsafeBytes { JSONBBinary.write($0, to: &writer) }
    }
}

extension JSON: PostgresDecodable where Value: Decodable {
    public init(decoding cell: PostgresCell) throws {
        let text: UnsafeRawBufferPointer
        switch cell.type {
        case .jsonb: text = try JSONBBinary.text(cell.bytes)
        case .json: text = cell.bytes
        default: throw cell.mismatch(Self.self)
        }
        do { value = try JSONDecoder().decode(Value.self, from: Data(text)) } catch {
            throw ApusError(.decoding, "the JSON is no \(Value.self)", underlying: error)
        }
    }
}
