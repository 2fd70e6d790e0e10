import ApusPython
import ApusValues
import CApusPsycopg

/// How a Decimal lies in memory, so that one can be made without a text that `_decimal` would parse again.
///
/// `Decimal(text)` takes four times as long as everything else about a cell: a `str`, a call with its arguments, a
/// parser that suits any precision and exponent. CPython has no C API for Decimals, but the object of its
/// module `_decimal` has been the same since there is one (3.3): a hash, libmpdec's `mpd_t`, and the four words that
/// most coefficients fit into. That is still nothing to trust. So each interpreter that imports the module is asked for
/// Decimals of many shapes, and only where each of them is, field for field, what would have been made here, and what
/// is made here equals each of them, is the layout relied upon. Elsewhere (Python's `_pydecimal`, words of 32 bits,
/// whatever comes) `Decimal(text)` is called.
enum DecimalLayout {
    /// The type, if its instances lie as expected, or None.
    /// - Parameter decimal: what the module `decimal` calls Decimal. A class of the program's in its place, derived or
    ///   not, has its own say in what it makes.
    static func prove(_ decimal: PyObj) throws(PythonError) -> PyRef {
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

    /// All numbers of words, signs, zeros, and coefficients just around the end of a word.
    private static let samples = [
        "0", "-0", "0.000", "-0.00", "1", "-1", "7.50", "1000", "-123.456", "0.00012", "00012.5", "9" + nines,
        "1" + zeros, "-1" + zeros + ".5", nines + nines + "99", "1" + zeros + zeros + "0",
        nines + nines + nines + "999",
        "3." + nines + zeros + nines + "1", "0." + zeros + zeros + "1", "-" + nines + nines + nines + nines + ".9999",
        "1" + zeros + zeros + zeros,
    ]
    private static let nines = "999999999999999999"
    private static let zeros = "0000000000000000000"

    /// Whether a new Decimal lies as one made here of the same text, and is the same number.
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

    /// - Parameter type: what `prove` answered.
    @inline(__always)
    static func make(_ number: NumericText.Words, _ type: PyObj) throws(PythonError) -> PyRef {
        let decimal = try allocate(number, type)
        apus_decimal_words(decimal)[0] = number.lowest
        return PyRef(owning: PyObj(layout: decimal))
    }

    /// A Decimal of up to four words; nil for what needs more, or is no finite number.
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
