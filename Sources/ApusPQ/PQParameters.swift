import CApusLibPQ

/// The parameters of one statement, in the form that libpq reads. Each value is written into them once, and is not
/// copied again before libpq takes it.
///
///     var parameters = PQParameters()
///     parameters.append(type: 0, binary: false) { $0 += Array("42".utf8) }
///     parameters.appendNull()
///     try connection.send(query: "SELECT $1::int, $2::text", parameters: parameters, binaryResults: false)
///
/// Source: <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQEXECPARAMS>
public struct PQParameters: ~Copyable {
    @usableFromInline var types: [UInt32] = []
    @usableFromInline var formats: [Int32] = []
    @usableFromInline var lengths: [Int32] = []
    /// The offset of each value in ``bytes``; negative for NULL.
    @usableFromInline var offsets: [Int] = []
    @usableFromInline var bytes: [UInt8] = []
    /// The maximum length of a value in bytes, because the protocol counts them in 32 bits.
    @usableFromInline let maximumLength: Int
    /// Why the parameters cannot be sent: ``PQError/Kind/usage`` for a value that is too long; otherwise `nil`.
    /// Sending the parameters throws it.
    public private(set) var problem: PQError?

    /// Makes an empty list.
    public init() { self.init(maximumLength: Int(Int32.max)) }

    /// For tests, which cannot allocate values of 2 GiB.
    init(maximumLength: Int) { self.maximumLength = maximumLength }

    /// The number of parameters.
    @inlinable public var count: Int { types.count }

    /// The OIDs of the parameters' types, as they were given.
    @inlinable public var typeOIDs: [UInt32] { types }

    /// Appends NULL.
    /// - Parameter type: the OID of its type; if it is 0, the server infers the type.
    @inlinable
    public mutating func appendNull(type: UInt32 = 0) {
        types.append(type)
        formats.append(0)
        lengths.append(0)
        offsets.append(-1)
    }

    /// Appends a value.
    /// - Parameters:
    ///   - type: the OID of its type; if it is 0, the server infers the type.
    ///   - binary: whether the value is in the type's binary format, instead of text. Text must not hold a zero byte.
    ///   - write: appends the bytes of the value to the array that it is given, which holds earlier values.
    /// - Throws: what `write` throws; no parameter is appended then.
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
        if length > maximumLength { rejectLast(length) }
    }

    /// Sets ``problem`` because the last value is too long, and replaces the value by NULL.
    @usableFromInline
    mutating func rejectLast(_ length: Int) {
        let message = "parameter \(types.count) has \(length) bytes: a value has at most \(maximumLength)"
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

    /// Appends the parameters of another statement.
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

    /// Passes the arrays that libpq takes to a function: count, types, values, lengths, formats. The pointers are valid
    /// only during the call.
    @inlinable
    borrowing func withPointers<Result>(_ body: Pointers<Result>) -> Result {
        bytes.withUnsafeBytes { raw in
            // An empty array has no address, but the address NULL would mean SQL's NULL.
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
