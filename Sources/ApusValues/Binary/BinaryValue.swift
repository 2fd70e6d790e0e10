/// A value with a binary form of its own, as the server's `…send` and `…recv` functions have it.
///
/// Each conformance is for one type of PostgreSQL: `Int32` is `int4` and nothing else. Conversions between types belong
/// to the rooms above.
public protocol BinaryValue {
    /// Reads the value from all of `bytes`.
    init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError)

    /// Appends the value, without a length.
    func writeBinary(to writer: inout ByteWriter)
}

extension BinaryValue where Self: FixedWidthInteger {
    @inlinable
    static func integer(_ bytes: UnsafeRawBufferPointer, _ type: StaticString) throws(ValueFormatError) -> Self {
        guard bytes.count == MemoryLayout<Self>.size else { throw ValueFormatError(.wrongLength, type) }
        return Self(bigEndian: bytes.loadUnaligned(as: Self.self))
    }
}

/// `int2`
extension Int16: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        self = try Self.integer(bytes, "int2")
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(bigEndian: self) }
}

/// `int4`
extension Int32: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        self = try Self.integer(bytes, "int4")
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(bigEndian: self) }
}

/// `int8`
extension Int64: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        self = try Self.integer(bytes, "int8")
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(bigEndian: self) }
}

/// `oid`, and the other types of 32 bits without a sign: `xid`, `cid`, `regclass` and its like.
extension UInt32: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        self = try Self.integer(bytes, "oid")
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(bigEndian: self) }
}

/// `xid8` and `pg_lsn`
extension UInt64: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        self = try Self.integer(bytes, "xid8")
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(bigEndian: self) }
}

/// `float4`
extension Float: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        guard bytes.count == 4 else { throw ValueFormatError(.wrongLength, "float4") }
        self.init(bitPattern: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)))
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(bigEndian: bitPattern) }
}

/// `float8`
extension Double: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        guard bytes.count == 8 else { throw ValueFormatError(.wrongLength, "float8") }
        self.init(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(bigEndian: bitPattern) }
}

/// `bool`: one byte, 0 or not.
extension Bool: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        guard bytes.count == 1 else { throw ValueFormatError(.wrongLength, "bool") }
        self = bytes[0] != 0
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(self ? 1 : 0) }
}

/// `text` and every other type whose binary form is its text: `varchar`, `bpchar`, `name`, `json`, `xml`, `unknown`.
/// The client's encoding must be UTF-8.
extension String: BinaryValue {
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        guard let string = String(validating: bytes, as: UTF8.self) else {
            throw ValueFormatError(.invalidUTF8, "text")
        }
        self = string
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { writer.append(self) }
}

/// `bytea`
extension [UInt8]: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        self.init(bytes)
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) {
        withUnsafeBytes { writer.append($0) }
    }
}

extension OID: BinaryValue {
    @inlinable
    public init(binary bytes: UnsafeRawBufferPointer) throws(ValueFormatError) {
        try self.init(rawValue: UInt32(binary: bytes))
    }

    @inlinable
    public func writeBinary(to writer: inout ByteWriter) { rawValue.writeBinary(to: &writer) }
}
