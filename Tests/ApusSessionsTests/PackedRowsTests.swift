import ApusPQ
import ApusWaiting
import CApusLibPQ
import Testing

@testable import ApusSessions

@Suite("Rows of a result, in libpq's memory and in blocks")
struct PackedRowsTests {
    private static let blockSize = 256 << 10
    typealias Cell = [UInt8]?

    /// A result as a server would have answered it, made by libpq without one.
    private static func result(_ rows: [[Cell]], columns: Int) throws -> PQResult {
        let pointer = try #require(PQmakeEmptyPGresult(nil, PGRES_TUPLES_OK))
        let result = PQResult(owning: pointer)
        let name = strdup("column")
        defer { free(name) }
        var attributes = (0..<columns).map { _ in
            PGresAttDesc(name: name, tableid: 0, columnid: 0, format: 0, typid: 25, typlen: -1, atttypmod: -1)
        }
        try #require(PQsetResultAttrs(pointer, Int32(columns), &attributes) == 1)
        for (row, cells) in rows.enumerated() {
            for (column, cell) in cells.enumerated() {
                var bytes = (cell ?? []).map { CChar(bitPattern: $0) } + [0]
                let length = cell.map { Int32($0.count) } ?? -1
                try #require(PQsetvalue(pointer, Int32(row), Int32(column), &bytes, length) == 1)
            }
        }
        return result
    }

    /// Reads as many cells as there are columns.
    private static func cells(_ reader: some CellReader, _ columns: Int) -> [Cell] {
        var reader = reader
        return (0..<columns).map { _ in reader.next().map { Array($0) } }
    }

    /// Rows in blocks, in a form that macros can take.
    private final class Packed {
        private var rows: PackedRows
        let columns: Int

        init(_ result: borrowing PQResult) throws {
            columns = result.columnCount
            guard let rows = PackedRows.copying(result.borrowed) else { throw PQError(.memory, "no memory") }
            self.rows = rows
        }

        var blocks: [PackedRows.Block] { rows.blocks }
        func block(of row: Int) -> Int? { rows.block(of: row) }
        func release(_ block: Int) { rows.release(block: block) }
        func row(_ row: Int) -> [Cell]? {
            guard let block = rows.block(of: row), rows.blocks[block].holds(row) else { return nil }
            return PackedRowsTests.cells(rows.reader(of: row, in: block), columns)
        }
    }

    private static func bytes(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        let start = UInt8.random(in: 0...255, using: &random)
        return (0..<count).map { start &+ UInt8(truncatingIfNeeded: $0 &* 7) }
    }

    private static func randomCell(_ random: inout SeededGenerator, isLarge: Bool) -> Cell {
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1: nil
        case 2: []
        case 3 where isLarge: bytes(Int.random(in: 60_000...400_000, using: &random), &random)
        case 4 where isLarge:
            // The block is full, or one byte short of it.
            bytes(blockSize - Int.random(in: 2...10, using: &random), &random)
        default: bytes(Int.random(in: 1...60, using: &random), &random)
        }
    }

    /// Checks all cells, all blocks, and what is left when blocks are released in a random order.
    private static func check(_ rows: [[Cell]], columns: Int, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed ^ 1)
        let packed = try {
            let result = try Self.result(rows, columns: columns)
            for (number, row) in rows.enumerated() {
                let found = cells(ResultReader(result.borrowed, row: number), columns)
                #expect(found == row, "seed \(seed), row \(number) of the result")
            }
            return try Packed(result)
        }()

        // The blocks are one behind the other, and only a block of no rows at all is empty.
        var next = 0
        for block in packed.blocks {
            #expect(block.rows.lowerBound == next, "seed \(seed)")
            #expect(!block.rows.isEmpty || rows.isEmpty, "seed \(seed)")
            next = block.rows.upperBound
        }
        #expect(next == rows.count, "seed \(seed)")
        for row in [-1, rows.count, .max, .min] { #expect(packed.block(of: row) == nil, "seed \(seed), row \(row)") }
        for (number, row) in rows.enumerated() {
            #expect(packed.blocks.firstIndex { $0.rows.contains(number) } == packed.block(of: number), "seed \(seed)")
            #expect(packed.row(number) == row, "seed \(seed), row \(number)")
        }

        var released: Set<Int> = []
        for block in packed.blocks.indices.shuffled(using: &random).dropLast() {
            packed.release(block)
            packed.release(block)
            released.insert(block)
            for other in packed.blocks.indices {
                for row in packed.blocks[other].rows {
                    #expect(packed.blocks[other].holds(row) == !released.contains(other), "seed \(seed), row \(row)")
                    if !released.contains(other), row % 16 == 0 {
                        #expect(packed.row(row) == rows[row], "seed \(seed), row \(row)")
                    }
                }
            }
        }
    }

    @Test("Random rows, with NULL and empty cells", arguments: 1...40 as ClosedRange<UInt64>)
    func random(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let columns = Int.random(in: 1...6, using: &random)
        let rows = (0..<Int.random(in: 0...200, using: &random)).map { _ in
            (0..<columns).map { _ in Self.randomCell(&random, isLarge: false) }
        }
        try Self.check(rows, columns: columns, seed: seed)
    }

    @Test("Random rows, some cells of which are larger than a block", arguments: 1...12 as ClosedRange<UInt64>)
    func large(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let columns = Int.random(in: 1...4, using: &random)
        let rows = (0..<Int.random(in: 1...8, using: &random)).map { _ in
            (0..<columns).map { _ in Self.randomCell(&random, isLarge: true) }
        }
        try Self.check(rows, columns: columns, seed: seed)
    }

    @Test("Many short rows fill several blocks")
    func manyRows() throws {
        let rows: [[Cell]] = (0..<5_000).map { number in
            [
                Array("\(number)".utf8),
                number % 3 == 0 ? nil : [UInt8](repeating: UInt8(number & 255), count: number % 400),
            ]
        }
        let packed = try Packed(Self.result(rows, columns: 2))
        #expect(packed.blocks.count == 3)
        for (number, row) in rows.enumerated() { #expect(packed.row(number) == row) }
    }

    @Test("A cell that fills a block to the last byte leaves no room for a second one", arguments: [-1, 0, 1])
    func boundary(_ difference: Int) throws {
        let cell = [UInt8](repeating: 7, count: Self.blockSize - 4 + difference)
        let packed = try Packed(Self.result([[cell], [nil], [[]]], columns: 1))
        #expect((0..<3).map { packed.row($0) } == [[cell], [nil], [[]]])
        // A block for a row that is larger than the usual one has room for the rows behind it.
        #expect(packed.blocks.map(\.rows) == (difference > 0 ? [0..<3] : [0..<1, 1..<3]))
    }

    @Test("A row whose cells do not fit moves to a block that grows with it")
    func movedRow() throws {
        let sizes = [[10, 20, 30], [200_000, 100_000, 300_000], [1, 2, 3], [0, 600_000, 700_000], [4, 5, 6]]
        let rows: [[Cell]] = sizes.enumerated().map { number, row in
            row.map { [UInt8](repeating: UInt8(number), count: $0) }
        }
        try Self.check(rows, columns: 3, seed: 0)
    }

    @Test("A result without rows has one block, and no row")
    func empty() throws {
        let packed = try Packed(Self.result([], columns: 2))
        #expect(packed.blocks.map(\.rows) == [0..<0])
        #expect(packed.block(of: 0) == nil)
        #expect(packed.row(0) == nil)
        packed.release(0)
        #expect(packed.row(0) == nil)
    }

    @Test("A reader of packed cells goes on with the next row, at whatever address")
    func consecutive() {
        // Cells of 1, 0 and 3 bytes and a NULL, behind a byte that makes every length unaligned.
        let lengths: [(Int32, [UInt8])] = [(1, [5]), (0, []), (-1, []), (3, [7, 8, 9])]
        let bytes =
            [0xFF as UInt8] + lengths.flatMap { length, cell in withUnsafeBytes(of: length) { Array($0) } + cell }
        let found = bytes.withUnsafeBytes { bytes in
            bytes.baseAddress.map { Self.cells(PackedReader(at: $0 + 1), 4) }
        }
        #expect(found == [[5], [], nil, [7, 8, 9]])
    }

    @Test("Behind the last column or row of a result there is NULL")
    func outside() throws {
        let result = try Self.result([[[1], [2]]], columns: 2)
        let behind = Self.cells(ResultReader(result.borrowed, row: 0), 4)
        #expect(behind == [[1], [2], nil, nil])
        let below = Self.cells(ResultReader(result.borrowed, row: 1), 2)
        #expect(below == [nil, nil])
    }
}
