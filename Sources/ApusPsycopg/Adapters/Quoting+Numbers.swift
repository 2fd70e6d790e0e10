import ApusValues
import CApusPython

extension Quoting {
    /// An `int`. A negative number has a space in front: `1-%s` must not become a comment.
    func append(integer: PyObj, to writer: inout ByteWriter) throws(Raised) {
        var overflow: Int32 = 0
        let value = PyLong_AsLongAndOverflow(integer, &overflow)
        if overflow == 0 {
            if value == -1 && PyErr_Occurred() != nil { throw Raised() }
            if value < 0 { writer.append(UInt8(ascii: " ")) }
            IntegerText.write(value, to: &writer)
            return
        }
        let digits = try Owned(owned(PyObject_Str(integer)))
        try append(number: digits.object, to: &writer)
    }

    /// The text of a number, with a space in front of a minus.
    func append(number text: PyObj, to writer: inout ByteWriter) throws(Raised) {
        var count = 0
        guard let utf8 = PyUnicode_AsUTF8AndSize(text, &count) else { throw Raised() }
        let bytes = UnsafeRawBufferPointer(start: utf8, count: count)
        if bytes.first == UInt8(ascii: "-") { writer.append(UInt8(ascii: " ")) }
        writer.append(bytes)
    }

    /// A `float`, with the digits of its `repr`.
    func append(float value: Double, to writer: inout ByteWriter) throws(Raised) {
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
        guard let text = PyOS_double_to_string(value, Int8(bitPattern: UInt8(ascii: "r")), 0, Py_DTSF_ADD_DOT_0, nil)
        else {
            throw Raised()
        }
        defer { PyMem_Free(text) }
        writer.append(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    /// A `Decimal`; what is not finite becomes NaN, PostgreSQL's only such number until version 14.
    func append(decimal: PyObj, to writer: inout ByteWriter) throws(Raised) {
        let text = try Owned(owned(PyObject_Str(decimal)))
        var count = 0
        guard let utf8 = PyUnicode_AsUTF8AndSize(text.object, &count) else { throw Raised() }
        let bytes = UnsafeRawBufferPointer(start: utf8, count: count)
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
