import CApusLibPQ

/// The parameters of one statement, kept in the form that libpq reads: written once, never copied again.
public struct PQParameters: ~Copyable {
    @usableFromInline var types: [UInt32] = []
    @usableFromInline var formats: [Int32] = []
    @usableFromInline var lengths: [Int32] = []
    /// Where a value starts in ``bytes``; negative for NULL.
    @usableFromInline var offsets: [Int] = []
    @usableFromInline var bytes: [UInt8] = []
    /// What a value may have at most, bytes: the protocol counts them in 32 bits.
    @usableFromInline let longestValue: Int
    /// Why the parameters cannot be sent, if they cannot. Sending them throws it.
    public private(set) var problem: PQError?

    public init() { self.init(longestValue: Int(Int32.max)) }

    /// For tests, which have no memory to waste.
    init(longestValue: Int) { self.longestValue = longestValue }

    @inlinable public var count: Int { types.count }

    /// The OIDs of the parameters' types, as they were given.
    @inlinable public var typeOIDs: [UInt32] { types }

    /// Adds SQL's NULL.
    @inlinable
    public mutating func appendNull(type: UInt32 = 0) {
        types.append(type)
        formats.append(0)
        lengths.append(0)
        offsets.append(-1)
    }

    /// Adds a value that `write` appends to the bytes.
    /// - Parameters:
    ///   - type: the OID of its type; 0 lets the server infer it.
    ///   - binary: whether the bytes are in the type's binary format. Text must not hold a zero byte.
    @inlinable
    public mutating func append<Failure: Error>(
        type: UInt32, binary: Bool, _ write: (inout [UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        let start = bytes.count
        try write(&bytes)
        let length = bytes.count &- start
        types.append(type)
        formats.append(binary ? 1 : 0)
        lengths.append(Int32(truncatingIfNeeded: length))
        offsets.append(start)
        if !binary { bytes.append(0) }
        if length > longestValue { refuse(length) }
    }

    /// Takes note of a value that is too long, and drops its bytes.
    @usableFromInline
    mutating func refuse(_ length: Int) {
        let message = "parameter \(types.count) has \(length) bytes: a value has at most \(longestValue)"
        if problem == nil { problem = PQError(.usage, message) }
        bytes.removeLast(bytes.count - (offsets.last ?? 0))
        removeLast()
        appendNull()
    }

    private mutating func removeLast() {
        types.removeLast()
        formats.removeLast()
        lengths.removeLast()
        offsets.removeLast()
    }

    /// Adds another statement's parameters after these.
    public mutating func append(contentsOf other: borrowing PQParameters) {
        let start = bytes.count
        if problem == nil { problem = other.problem }
        bytes += other.bytes
        types += other.types
        formats += other.formats
        lengths += other.lengths
        for offset in other.offsets { offsets.append(offset < 0 ? offset : offset + start) }
    }

    @usableFromInline typealias Pointers<Result> = (
        Int32, UnsafePointer<UInt32>?, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?,
        UnsafePointer<Int32>?
    ) -> Result

    @inlinable
    borrowing func withPointers<Result>(_ body: Pointers<Result>) -> Result {
        bytes.withUnsafeBytes { raw in
            // An empty array has no address, yet a NULL address would mean SQL's NULL.
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1) { empty in
                empty.initialize(repeating: 0)
                let base = raw.baseAddress?.assumingMemoryBound(to: CChar.self) ?? UnsafePointer(empty.baseAddress)
                return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: offsets.count) {
                    values in
                    for (index, offset) in offsets.enumerated() {
                        values.initializeElement(at: index, to: offset < 0 ? nil : base.map { $0 + offset })
                    }
                    return types.withUnsafeBufferPointer { types in
                        lengths.withUnsafeBufferPointer { lengths in
                            formats.withUnsafeBufferPointer { formats in
                                body(
                                    Int32(clamping: types.count), types.baseAddress, UnsafePointer(values.baseAddress),
                                    lengths.baseAddress, formats.baseAddress)
                            }
                        }
                    }
                }
            }
        }
    }
}
