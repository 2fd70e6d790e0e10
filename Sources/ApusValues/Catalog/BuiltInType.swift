/// A type that every PostgreSQL database has, with the same OID.
public struct BuiltInType: Sendable {
    /// What `pg_type.typtype` tells.
    public enum Kind: UInt8, Sendable {
        case base = 0x62
        case range = 0x72
        case multirange = 0x6D
        case pseudo = 0x70
    }

    public let oid: OID
    /// The name in `pg_type`: `int4`, not `integer`.
    public let name: StaticString
    /// The type of its arrays; `OID.invalid` if there is none.
    public let arrayOID: OID
    /// The delimiter between an array's elements in text form (`typdelim`).
    public let delimiter: UInt8
    /// `pg_type.typcategory`, such as `N` for numbers.
    public let category: UInt8
    /// The type that it consists of: a range's subtype, a multirange's range, a vector's or a geometric type's element;
    /// else `OID.invalid`.
    public let elementOID: OID
    public let kind: Kind

    init(
        _ oid: UInt32, _ name: StaticString, _ array: UInt32, _ delimiter: Unicode.Scalar, _ category: Unicode.Scalar,
        _ element: UInt32, _ kind: Unicode.Scalar
    ) {
        self.oid = OID(rawValue: oid)
        self.name = name
        arrayOID = OID(rawValue: array)
        self.delimiter = UInt8(truncatingIfNeeded: delimiter.value)
        self.category = UInt8(truncatingIfNeeded: category.value)
        elementOID = OID(rawValue: element)
        self.kind = Kind(rawValue: UInt8(truncatingIfNeeded: kind.value)) ?? .base
    }

    /// The type of that number.
    public static func with(oid: OID) -> BuiltInType? {
        var low = 0, high = all.count
        while low < high {
            let middle = (low + high) / 2
            if all[middle].oid.rawValue < oid.rawValue { low = middle + 1 } else { high = middle }
        }
        return low < all.count && all[low].oid == oid ? all[low] : nil
    }

    /// The type whose arrays have that number.
    public static func withArray(oid: OID) -> BuiltInType? {
        oid == .invalid ? nil : all.first { $0.arrayOID == oid }
    }

    /// The type of that name in `pg_type`.
    public static func named(_ name: String) -> BuiltInType? {
        all.first { $0.name.description == name }
    }
}
