/// The binary form of arrays: the number of dimensions, whether there are NULLs, the element type's OID, per dimension
/// its length and lower bound, then the elements in row-major order, each after its length.
public enum ArrayBinary {
    /// PostgreSQL's limit (`MAXDIM`).
    public static let maximumDimensions = 6

    @frozen
    public struct Dimension: Hashable, Sendable {
        public var count: Int32
        /// The first element's subscript, usually 1.
        public var lowerBound: Int32

        public init(count: Int32, lowerBound: Int32 = 1) {
            self.count = count
            self.lowerBound = lowerBound
        }
    }

    @frozen
    public enum Element {
        case null
        case value(UnsafeRawBufferPointer)
        /// All elements have been read.
        case end
    }

    /// Reads an array's elements where they lie.
    public struct Reader {
        /// The element type's OID.
        public let elementType: OID
        /// 0 for an empty array.
        public let dimensionCount: Int
        /// The product of all dimensions' counts.
        public let elementCount: Int
        private let dimensions: UnsafeRawBufferPointer
        private var reader: BinaryReader
        private var left: Int

        public init(_ bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
            reader = BinaryReader(bytes, "array")
            let count = try reader.read(Int32.self)
            let flags = try reader.read(Int32.self)
            elementType = OID(rawValue: try reader.read())
            guard count >= 0, count <= ArrayBinary.maximumDimensions, flags == 0 || flags == 1 else {
                throw reader.error(.malformed)
            }
            dimensionCount = Int(count)
            dimensions = try reader.read(count: dimensionCount * 8)
            var product = count == 0 ? 0 : 1
            for index in 0..<dimensionCount {
                let dimension = Self.dimension(dimensions, index)
                let (next, overflow) = product.multipliedReportingOverflow(by: Int(dimension.count))
                guard dimension.count >= 0, !overflow else { throw reader.error(.malformed) }
                product = next
            }
            // Every element has a length of four bytes, so a larger number is wrong, and must not be allocated for.
            guard product <= reader.remaining / 4 else { throw reader.error(.wrongLength) }
            elementCount = product
            left = product
        }

        /// A dimension by its index; empty for an index out of bounds.
        public func dimension(_ index: Int) -> Dimension {
            guard index >= 0, index < dimensionCount else { return Dimension(count: 0) }
            return Self.dimension(dimensions, index)
        }

        private static func dimension(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Dimension {
            Dimension(
                count: Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: Int32.self)),
                lowerBound: Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 8 + 4, as: Int32.self)))
        }

        /// The next element; `end` after the last, if nothing follows it.
        public mutating func next() throws(ValueFormatError) -> Element {
            guard left > 0 else {
                try reader.finish()
                return .end
            }
            left -= 1
            guard let value = try reader.readNullable() else { return .null }
            return .value(value)
        }
    }

    /// Appends what precedes the elements. They follow, in row-major order, by `ByteWriter.appendWithLength` and
    /// `appendNull`. An array without elements has no dimensions.
    public static func writeHeader(
        elementType: OID, dimensions: [Dimension], hasNulls: Bool, to writer: inout ByteWriter
    ) {
        writer.append(bigEndian: Int32(truncatingIfNeeded: dimensions.count))
        writer.append(bigEndian: Int32(hasNulls ? 1 : 0))
        writer.append(bigEndian: elementType.rawValue)
        for dimension in dimensions {
            writer.append(bigEndian: dimension.count)
            writer.append(bigEndian: dimension.lowerBound)
        }
    }

    /// Appends what precedes the `count` elements of an array of one dimension, subscripts starting at 1.
    public static func writeHeader(elementType: OID, count: Int32, hasNulls: Bool, to writer: inout ByteWriter) {
        writer.append(bigEndian: Int32(count == 0 ? 0 : 1))
        writer.append(bigEndian: Int32(hasNulls ? 1 : 0))
        writer.append(bigEndian: elementType.rawValue)
        guard count != 0 else { return }
        writer.append(bigEndian: count)
        writer.append(bigEndian: Int32(1))
    }
}
