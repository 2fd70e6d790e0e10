import ApusPython
import ApusValues

extension Quoting {
    /// Writes an `int`. A negative number gets a leading space, because `1-%s` must not become a comment.
    func append(integer: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        if let value = try integer.integerIfSmall {
            if value < 0 { writer.append(UInt8(ascii: " ")) }
            IntegerText.write(value, to: &writer)
            return
        }
        let digits = try integer.str()
        try append(number: digits.object, to: &writer)
    }

    /// Writes the text of a number. A negative number gets a leading space.
    func append(number text: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        let bytes = try text.utf8
        if bytes.first == UInt8(ascii: "-") { writer.append(UInt8(ascii: " ")) }
        writer.append(bytes)
    }

    /// Writes a `float` with the digits of its `repr`.
    func append(float value: Double, to writer: inout ByteWriter) throws(PythonError) {
        guard value.isFinite else {
            writer.append(value.isNaN ? "'NaN'::float" : value > 0 ? "'Infinity'::float" : "'-Infinity'::float")
            return
        }
        if value.sign == .minus { writer.append(UInt8(ascii: " ")) }
        let magnitude = value.magnitude
        // In this range PostgreSQL and Python format the shortest digits alike, except that Python appends ".0" to
        // whole numbers.
        if magnitude >= 1e-4 && magnitude < 1e15 {
            FloatText.write(value, to: &writer)
            if magnitude.rounded(.towardZero) == magnitude { writer.append(".0") }
            return
        }
        try withRepr(of: value) { writer.append($0) }
    }

    /// Writes a `Decimal`. Infinities become NaN too, because `numeric` has no infinity before PostgreSQL 14.
    func append(decimal: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        let text = try decimal.str()
        let bytes = try text.object.utf8
        let first = bytes.first == UInt8(ascii: "-") ? bytes.dropFirst().first : bytes.first
        guard let first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            // `-Infinity`, `NaN` or `sNaN`.
            let name = bytes.drop { $0 == UInt8(ascii: "-") || $0 | 0x20 == UInt8(ascii: "s") }.map { $0 | 0x20 }
            guard name.starts(with: "nan".utf8) || name.starts(with: "inf".utf8) else {
                throw raiseTypeError("expected a Decimal, not \(decimal.typeName)")
            }
            writer.append("'NaN'::numeric")
            return
        }
        if bytes.first == UInt8(ascii: "-") { writer.append(UInt8(ascii: " ")) }
        writer.append(bytes)
    }
}
