import ApusPython
import ApusValues
import CApusPsycopg

/// The memory layout of a Decimal, known so that one can be made without a text that `_decimal` would parse again.
///
/// `Decimal(text)` takes four times as long as all other work on a cell: making a `str`, a call with arguments, and a
/// parser for any precision and exponent. CPython has no C API for Decimals, but the object of its module `_decimal`
/// has had the same layout since it exists (3.3): a hash, libmpdec's `mpd_t`, and the four words that most coefficients
/// fit into. Because nothing guarantees this, each interpreter that imports the module makes Decimals of many shapes
/// and compares each, field by field and as a number, with the one made here. The layout is used only if all of them
/// are equal. Otherwise (Python's `_pydecimal`, 32-bit words, a future layout) `Decimal(text)` is called.
enum DecimalLayout {
    /// Returns the type if its instances have the expected layout, otherwise None.
    /// - Parameter decimal: the object `decimal.Decimal`. If a program has replaced it by another class, derived or
    ///   not, the layout is not used, because that class decides what it makes.
    static func verifiedType(_ decimal: PyObj) throws(PythonError) -> PyRef {
        guard decimal.isClass, decimal.derivesFromObjectAlone,
            decimal.instanceSize == (fixed: apus_decimal_size, item: 0)
        else { return PyRef.none }
        for text in samples {
            let text = try PyRef(text)
            let sample = try decimal.call(text.object)
            guard sample.object.type == decimal, try isAsExpected(sample.object, text.object, decimal)
            else { return PyRef.none }
        }
        return PyRef(retaining: decimal)
    }

    /// Coefficients of each number of words, both signs, zeros, and coefficients just below and above a whole number of
    /// words.
    private static let samples = [
        "0", "-0", "0.000", "-0.00", "1", "-1", "7.50", "1000", "-123.456", "0.00012", "00012.5", "9" + nines,
        "1" + zeros, "-1" + zeros + ".5", nines + nines + "99", "1" + zeros + zeros + "0",
        nines + nines + nines + "999",
        "3." + nines + zeros + nines + "1", "0." + zeros + zeros + "1", "-" + nines + nines + nines + nines + ".9999",
        "1" + zeros + zeros + zeros,
    ]
    private static let nines = "999999999999999999"
    private static let zeros = "0000000000000000000"

    /// True if a Decimal that the type made of a text has the same fields as one made here, and both are the same
    /// number.
    private static func isAsExpected(_ sample: PyObj, _ text: PyObj, _ type: PyObj) throws(PythonError) -> Bool {
        guard let ours = try make(ofText: text, type) else { return false }
        let wanted = sample.fields(apus_decimal.self), got = ours.object.fields(apus_decimal.self)
        guard wanted.pointee.hash == -1, wanted.pointee.number.flags == got.pointee.number.flags,
            wanted.pointee.number.exponent == got.pointee.number.exponent,
            wanted.pointee.number.digits == got.pointee.number.digits,
            wanted.pointee.number.count == got.pointee.number.count,
            wanted.pointee.number.room == got.pointee.number.room,
            wanted.pointee.number.words == apus_decimal_words(wanted)
        else { return false }
        for index in 0..<Int(got.pointee.number.count)
        where apus_decimal_words(wanted)[index] != apus_decimal_words(got)[index] { return false }

        guard try sample.isEqual(to: ours.object), try sample.hash() == ours.object.hash() else { return false }
        return try sample.shown == ours.object.shown
    }

    private static func make(ofText text: PyObj, _ type: PyObj) throws(PythonError) -> PyRef? {
        let bytes = try text.utf8
        if let number = NumericText.parseWord(bytes) { return try make(number, type) }
        return try make(long: bytes, type)
    }

    // MARK: Making one

    /// Makes a Decimal of one word.
    /// - Parameter type: the result of `verifiedType`, which must not be None.
    @inline(__always)
    static func make(_ number: NumericText.Words, _ type: PyObj) throws(PythonError) -> PyRef {
        let decimal = try allocate(number, type)
        apus_decimal_words(decimal)[0] = number.lowest
        return PyRef(owning: PyObj(layout: decimal))
    }

    /// Makes a Decimal of up to four words; nil for a number that needs more words or is not finite.
    @inline(never)
    static func make(long bytes: UnsafeRawBufferPointer, _ type: PyObj) throws(PythonError) -> PyRef? {
        try withUnsafeTemporaryAllocation(of: UInt64.self, capacity: NumericText.maximumWords) {
            words throws(PythonError) in
            guard let start = words.baseAddress, let number = NumericText.parse(bytes, to: start) else { return nil }
            let decimal = try allocate(number, type)
            apus_decimal_words(decimal).update(from: start, count: number.count)
            return PyRef(owning: PyObj(layout: decimal))
        }
    }

    @inline(__always)
    private static func allocate(
        _ number: NumericText.Words, _ type: PyObj
    ) throws(PythonError) -> UnsafeMutablePointer<apus_decimal> {
        guard
            let decimal = apus_new_decimal(
                type, number.isNegative ? 1 : 0, 0 &- Int64(number.scale), Int32(number.digits),
                Int32(truncatingIfNeeded: number.count))
        else { throw PythonError() }
        return decimal
    }
}
