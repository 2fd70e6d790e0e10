import ApusValues

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A value that is kept as JSON: sent as `jsonb`, read from `jsonb` and `json`.
///
///     try await connection.execute("INSERT INTO document VALUES (\(JSON(settings)))")
public struct JSON<Value> {
    public var value: Value

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
