import ApusValues
import CApusPython

extension Decoding {
    /// A `numeric` as a Decimal.
    @inline(__always)
    mutating func decimal(_ bytes: UnsafeRawBufferPointer) throws(Raised) -> PyObj {
        let type = state.pointee.decimalOfWords
        if !type.isNone {
            if let number = NumericText.parseWord(bytes) { return try DecimalLayout.make(number, type) }
            if let long = try DecimalLayout.make(long: bytes, type) { return long }
        }
        return try decimalOfText(bytes)
    }

    /// What `Decimal(text)` makes of it.
    @inline(never)
    private mutating func decimalOfText(_ bytes: UnsafeRawBufferPointer) throws(Raised) -> PyObj {
        let text = try Owned(text(bytes))
        let arguments: PyObj
        if let decimalArguments {
            arguments = decimalArguments
        } else {
            arguments = try owned(PyTuple_New(1))
            decimalArguments = arguments
        }
        return try owned(apus_call_with_tuple(state.pointee.decimalFromText, arguments, text.object))
    }
}
