import ApusPQ

/// A column of the rows that a statement returns.
public struct ApusColumn: Sendable, Hashable {
    /// The name, such as the alias after `AS`; not unique.
    public let name: String
    /// The type.
    public let type: PostgresType
    /// The type modifier, such as the length of a `varchar`; -1 if there is none.
    public let modifier: Int
    /// The OID of the table that the column comes from; 0 for an expression.
    public let table: UInt32

    /// Compares the bytes of the names, because Swift's `==` is true for canonically equivalent names.
    public static func == (left: Self, right: Self) -> Bool {
        left.name.isWritten(as: right.name) && left.type == right.type && left.modifier == right.modifier
            && left.table == right.table
    }
}

/// The columns of the rows that a statement returns, in their order.
public struct ApusColumns: Sendable, RandomAccessCollection {
    private let columns: [ApusColumn]
    /// The types of the columns, for decoding.
    @usableFromInline let types: [PostgresType]

    init(_ result: borrowing PQResult) {
        var columns: [ApusColumn] = []
        columns.reserveCapacity(result.columnCount)
        for index in 0..<result.columnCount {
            columns.append(
                ApusColumn(
                    name: result.columnName(index) ?? "", type: PostgresType(rawValue: result.columnType(index)),
                    modifier: result.columnModifier(index), table: result.columnTable(index)))
        }
        self.columns = columns
        types = columns.map(\.type)
    }

    init() {
        columns = []
        types = []
    }

    /// 0.
    @inlinable public var startIndex: Int { 0 }
    /// The number of columns.
    @inlinable public var endIndex: Int { types.count }
    /// A column.
    /// - Parameter index: from 0; like an index of an array, it must be less than ``endIndex``.
    public subscript(index: Int) -> ApusColumn { columns[index] }

    /// The index of the first column with a name, compared byte by byte; `nil` if there is none.
    public func firstIndex(named name: String) -> Int? { columns.firstIndex { $0.name.isWritten(as: name) } }
}
