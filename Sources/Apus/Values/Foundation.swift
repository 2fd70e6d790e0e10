import ApusValues

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Sent as `timestamptz`, rounded to microseconds.
extension Date: PostgresArrayElement {
    public static var postgresType: PostgresType { .timestamptz }
    public static var postgresArrayType: PostgresType { .timestamptzArray }

    /// PostgreSQL counts from 2000-01-01 and Foundation from 2001-01-01, which is a leap year later.
    private static var secondsBetweenEpochs: Double { 31_622_400 }

    public func encode(to writer: inout ByteWriter) throws {
        let seconds = timeIntervalSinceReferenceDate + Self.secondsBetweenEpochs
        // The smallest and the largest Int64 are PostgreSQL's infinities.
        guard let microseconds = Int64(exactly: (seconds * 1e6).rounded()),
            case let moment = PGTimestampTZ(microsecondsSince2000: microseconds), moment.finiteness == .finite
        else {
            throw ApusError(.encoding, "the date \(seconds) s from 2000-01-01 is out of PostgreSQL's range")
        }
        moment.writeBinary(to: &writer)
    }

    /// Reads `timestamptz`, and `timestamp` and `date` as UTC. `infinity` is read as `distantFuture`, and `-infinity`
    /// as `distantPast`.
    public init(decoding cell: PostgresCell) throws {
        switch cell.type {
        case .timestamptz, .timestamp:
            let value = try PGTimestampTZ(binary: cell.bytes)
            switch value.finiteness {
            case .infinity: self = .distantFuture
            case .negativeInfinity: self = .distantPast
            case .finite:
                self.init(
                    timeIntervalSinceReferenceDate: Double(value.microsecondsSince2000) / 1e6
                        - Self.secondsBetweenEpochs)
            }
        case .date:
            let value = try PGDate(binary: cell.bytes)
            switch value.finiteness {
            case .infinity: self = .distantFuture
            case .negativeInfinity: self = .distantPast
            case .finite:
                self.init(
                    timeIntervalSinceReferenceDate: Double(value.daysSince2000) * 86_400 - Self.secondsBetweenEpochs)
            }
        default:
            throw cell.mismatch(Date.self)
        }
    }
}

/// Sent as `uuid`.
extension UUID: PostgresArrayElement {
    public static var postgresType: PostgresType { .uuid }
    public static var postgresArrayType: PostgresType { .uuidArray }

    public func encode(to writer: inout ByteWriter) {
        withUnsafeBytes(of: uuid) { writer.append($0) }
    }

    public init(decoding cell: PostgresCell) throws {
        guard cell.type == .uuid else { throw cell.mismatch(UUID.self) }
        guard cell.bytes.count == 16 else { throw ApusError(.decoding, "uuid: the value has the wrong length") }
        self.init(uuid: cell.bytes.loadUnaligned(as: uuid_t.self))
    }
}

/// Sent as `bytea`.
extension Data: PostgresArrayElement {
    public static var postgresType: PostgresType { .bytea }
    public static var postgresArrayType: PostgresType { .byteaArray }

    public func encode(to writer: inout ByteWriter) {
        withUnsafeBytes { writer.append($0) }
    }

    public init(decoding cell: PostgresCell) throws {
        guard cell.type == .bytea else { throw cell.mismatch(Data.self) }
        self.init(cell.bytes)
    }
}
