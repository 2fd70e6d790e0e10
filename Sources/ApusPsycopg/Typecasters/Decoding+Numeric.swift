import ApusPython
import ApusValues

extension Decoding {
    /// Decodes a `numeric` to a Decimal.
    @inline(__always)
    func decimal(_ bytes: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        let type = state.pointee.decimalOfWords
        if !type.isNone {
            if let number = NumericText.parseWord(bytes) { return try DecimalLayout.make(number, type) }
            if let long = try DecimalLayout.make(long: bytes, type) { return long }
        }
        return try decimalOfText(bytes)
    }

    @inline(never)
    private func decimalOfText(_ bytes: UnsafeRawBufferPointer) throws(PythonError) -> PyRef {
        let text = try text(bytes)
        return try state.pointee.decimal.call(text.object)
    }
}
