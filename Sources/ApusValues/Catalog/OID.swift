/// The object identifier of a row of the catalog, most often of a type.
@frozen
public struct OID: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt32

    @inlinable @inline(__always)
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// 0, which is no row. As a parameter's type it lets the server choose the type.
    @inlinable public static var invalid: OID { OID(rawValue: 0) }
}

extension OID: CustomStringConvertible {
    public var description: String { String(rawValue) }
}
