import ApusPython
import ApusValues

extension Quoting {
    /// An `int`. A negative number has a space in front: `1-%s` must not become a comment.
    func append(integer: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        if let value = try integer.integerIfSmall {
            if value < 0 { writer.append(UInt8(ascii: " ")) }
            IntegerText.write(value, to: &writer)
            return
        }
        let digits = try integer.str()
        try append(number: digits.object, to: &writer)
    }

    /// The text of a number, with a space in front of a minus.
    func append(number text: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        let bytes = try text.utf8
        if bytes.first == UInt8(ascii: "-") { writer.append(UInt8(ascii: " ")) }
        writer.append(bytes)
    }

    /// A `float`, with the digits of its `repr`.
    func append(float value: Double, to writer: inout ByteWriter) throws(PythonError) {
        guard value.isFinite else {
            writer.append(value.isNaN ? "'NaN'::float" : value > 0 ? "'Infinity'::float" : "'-Infinity'::float")
            return
        }
        if value.sign == .minus { writer.append(UInt8(ascii: " ")) }
        let magnitude = value.magnitude
        // Here PostgreSQL's layout of the shortest digits is Python's, but for the ".0" of whole numbers.
        if magnitude >= 1e-4 && magnitude < 1e15 {
            FloatText.write(value, to: &writer)
            if magnitude.rounded(.towardZero) == magnitude { writer.append(".0") }
            return
        }
        try withRepr(of: value) { writer.append($0) }
    }

    /// A `Decimal`; what is not finite becomes NaN, PostgreSQL's only such number until version 14.
    func append(decimal: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        let text = try decimal.str()
        let bytes = try text.object.utf8
        let first = bytes.first == UInt8(ascii: "-") ? bytes.dropFirst().first : bytes.first
        guard let first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            // `-Infinity`, `NaN`, `sNaN`.
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
