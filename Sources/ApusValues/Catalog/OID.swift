/// The number of a row of the catalog, above all that of a type.
@frozen
public struct OID: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt32

    @inlinable @inline(__always)
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// No row at all: 0. As a parameter's type it lets the server choose.
    @inlinable public static var invalid: OID { OID(rawValue: 0) }
}

extension OID: CustomStringConvertible {
    public var description: String { String(rawValue) }
}
