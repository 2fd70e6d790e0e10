import ApusPQ

/// A column of an answer.
public struct ApusColumn: Sendable, Hashable {
    public let name: String
    public let type: PostgresType
    /// The type modifier, such as the length of a `varchar`; -1 where there is none.
    public let modifier: Int
    /// The OID of the table that the column comes from; 0 for an expression.
    public let table: UInt32

    public static func == (left: Self, right: Self) -> Bool {
        left.name.isWritten(as: right.name) && left.type == right.type && left.modifier == right.modifier
            && left.table == right.table
    }
}

/// The columns of an answer, in their order.
public struct ApusColumns: Sendable, RandomAccessCollection {
    private let columns: [ApusColumn]
    /// The columns' types alone, for decoding.
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

    @inlinable public var startIndex: Int { 0 }
    @inlinable public var endIndex: Int { types.count }
    public subscript(index: Int) -> ApusColumn { columns[index] }

    /// The first column of that name, compared exactly.
    public func firstIndex(named name: String) -> Int? { columns.firstIndex { $0.name.isWritten(as: name) } }
}
