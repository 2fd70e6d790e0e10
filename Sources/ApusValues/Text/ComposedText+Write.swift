extension ArrayText {
    /// Writes an element, quoted if it has to be: empty, `NULL` in either case, or with a brace, quote, backslash,
    /// white space or the delimiter in it. The caller writes braces and delimiters.
    /// - Parameter delimiter: the element type's `typdelim`.
    public static func writeElement(
        _ element: UnsafeRawBufferPointer, delimiter: UInt8 = UInt8(ascii: ","), to writer: inout ByteWriter
    ) {
        let needsQuotes =
            element.isEmpty || isNull(element)
            || element.contains { byte in
                byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "\"")
                    || byte == UInt8(ascii: "\\") || byte == delimiter || QuotedText.isSpace(byte)
            }
        guard needsQuotes else { return writer.append(element) }
        QuotedText.write(element, doublingQuotes: false, to: &writer)
    }

    /// Writes `[lower:upper]` for a dimension; after the last one comes `=`, then the array.
    public static func writeDimension(lower: Int32, upper: Int32, to writer: inout ByteWriter) {
        writer.append(UInt8(ascii: "["))
        IntegerText.write(lower, to: &writer)
        writer.append(UInt8(ascii: ":"))
        IntegerText.write(upper, to: &writer)
        writer.append(UInt8(ascii: "]"))
    }

    private static func isNull(_ element: UnsafeRawBufferPointer) -> Bool {
        guard element.count == 4, var cursor = ByteCursor(element) else { return false }
        return cursor.skip(word: "null")
    }
}

extension RecordText {
    /// Writes a field that is not NULL, quoted if it has to be; for NULL write nothing. The caller writes parentheses
    /// and commas.
    public static func writeField(_ field: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        let needsQuotes =
            field.isEmpty
            || field.contains { byte in
                byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")") || byte == UInt8(ascii: "\"")
                    || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: ",") || QuotedText.isSpace(byte)
            }
        guard needsQuotes else { return writer.append(field) }
        QuotedText.write(field, doublingQuotes: true, to: &writer)
    }
}

extension RangeText {
    /// Writes a bound that exists, quoted if it has to be; for one that does not, write nothing. The caller writes
    /// brackets and the comma.
    public static func writeBound(_ bound: UnsafeRawBufferPointer, to writer: inout ByteWriter) {
        let needsQuotes =
            bound.isEmpty
            || bound.contains { byte in
                byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")") || byte == UInt8(ascii: "[")
                    || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
                    || byte == UInt8(ascii: ",") || QuotedText.isSpace(byte)
            }
        guard needsQuotes else { return writer.append(bound) }
        QuotedText.write(bound, doublingQuotes: true, to: &writer)
    }
}

/// What arrays, composites and ranges have in common.
enum QuotedText {
    /// Writes the bytes between quotes. All double a backslash; arrays put one before a quote, the others double that.
    static func write(_ bytes: UnsafeRawBufferPointer, doublingQuotes: Bool, to writer: inout ByteWriter) {
        let target = writer.reserve(bytes.count &* 2 &+ 2)
        var position = 1
        target[0] = UInt8(ascii: "\"")
        for byte in bytes {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                target[position] = doublingQuotes ? byte : UInt8(ascii: "\\")
                position &+= 1
            }
            target[position] = byte
            position &+= 1
        }
        target[position] = UInt8(ascii: "\"")
        writer.advance(by: position &+ 1)
    }

    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (byte >= 0x09 && byte <= 0x0D)
    }
}
