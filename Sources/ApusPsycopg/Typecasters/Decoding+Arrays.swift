import ApusPython
import ApusValues
import CApusPsycopg

extension Decoding {
    /// Decodes an array to a list, of lists if it has several dimensions. Its lower bounds are dropped.
    @inline(never)
    mutating func array(
        _ caster: UnsafeMutablePointer<apus_typecaster>, _ bytes: UnsafeRawBufferPointer
    ) throws(PythonError) -> PyRef {
        if encoding.kind == .ambiguous { return try transcodedArray(caster, bytes) }
        guard let element = caster.pointee.base?.fields(apus_typecaster.self) else { throw Self.malformed("array") }
        let decoder = Decoder(rawValue: element.pointee.decoder) ?? .python
        if bytes.first != UInt8(ascii: "{") && bytes.first != UInt8(ascii: "[") {
            throw raise(state.pointee.dataError, "array does not start with '{'")
        }
        if decoder == .integer, let list = try integers(bytes) { return list }
        if decoder.rawValue <= Decoder.boolean.rawValue, let list = try plainArray(decoder, element, bytes) {
            return list
        }
        return try anyArray(decoder, element, bytes)
    }

    private mutating func anyArray(
        _ decoder: Decoder, _ element: UnsafeMutablePointer<apus_typecaster>, _ bytes: UnsafeRawBufferPointer
    ) throws(PythonError) -> PyRef {
        var tokens = ArrayText.Tokenizer(bytes)
        let outermost = try PyRef(listOf: 0)
        // `list` is being filled; `around` holds the lists that contain it, outermost first. Each list owns a reference
        // to the next one.
        var list = outermost.object
        var around: [PyObj] = []
        while true {
            switch tokens.next() {
            case .open:
                // The tokenizer has already counted this brace.
                if tokens.depth == 1 { continue }
                if tokens.depth > Self.maximumDimensions {
                    throw raise(state.pointee.dataError, "the array has too many dimensions")
                }
                let inner = try PyRef(listOf: 0)
                try list.append(inner.object)
                around.append(list)
                list = inner.object
            case .close:
                list = around.popLast() ?? outermost.object
            case .null:
                try list.append(nullElement(decoder, element))
            case .element(let slice):
                try list.append(decode(decoder, element, slice))
            case .end:
                return outermost
            case .malformed:
                throw raise(state.pointee.dataError, "malformed array: unbalanced braces or quotes")
            }
        }
    }

    /// Decodes an array of whole numbers without NULL, the usual case; nil for any other.
    private func integers(_ bytes: UnsafeRawBufferPointer) throws(PythonError) -> PyRef? {
        try withUnsafeTemporaryAllocation(of: Int64.self, capacity: bytes.count / 2 + 1) {
            numbers throws(PythonError) -> PyRef? in
            guard let start = numbers.baseAddress, let count = ArrayText.parseIntegers(bytes, to: start) else {
                return nil
            }
            let list = try PyRef(listOf: count)
            for index in 0..<count { try list.set(listItem: index, to: PyRef(int64: start[index])) }
            return list
        }
    }

    /// Decodes an array of one dimension without quotes, spaces and NULL, the usual case for numbers; nil for any
    /// other.
    @inline(__always)
    private mutating func plainArray(
        _ decoder: Decoder, _ element: UnsafeMutablePointer<apus_typecaster>, _ bytes: UnsafeRawBufferPointer
    ) throws(PythonError) -> PyRef? {
        if decoder == .python { return nil }
        let last = bytes.count &- 1
        guard last > 1, bytes[0] == UInt8(ascii: "{"), bytes[last] == UInt8(ascii: "}") else { return nil }
        var count = 1
        for index in 1..<last { count &+= bytes[index] == UInt8(ascii: ",") ? 1 : 0 }
        let list = try PyRef(listOf: count)
        var start = 1
        for index in 0..<count {
            var end = start
            while end < last, Self.isOfNumbers(bytes[end]) { end &+= 1 }
            let isWhole = end > start && (end == last || bytes[end] == UInt8(ascii: ","))
            // The tokenizer will report the error, or find a NULL.
            if !isWhole || bytes[start] | 0x20 == UInt8(ascii: "n") { return nil }
            try list.set(
                listItem: index, to: decode(decoder, element, UnsafeRawBufferPointer(rebasing: bytes[start..<end])))
            start = end &+ 1
        }
        return list
    }

    /// True for digits, letters, signs and points.
    @inline(__always)
    private static func isOfNumbers(_ byte: UInt8) -> Bool {
        byte &- 0x2B < 15 && byte != UInt8(ascii: ",") || (byte | 0x20) &- 0x61 < 26
    }

    /// Converts the text to UTF-8 before it is split, because in these encodings a byte of a character may look like a
    /// backslash.
    private func transcodedArray(
        _ caster: UnsafeMutablePointer<apus_typecaster>, _ bytes: UnsafeRawBufferPointer
    ) throws(PythonError) -> PyRef {
        let text = try encoding.decode(bytes)
        var decoding = try Decoding(encoding: .utf8, cursor: cursor, tzinfoFactory: tzinfoFactory)
        return try decoding.array(caster, text.object.utf8)
    }

    /// More than PostgreSQL's limit of six, because other servers may allow more.
    private static var maximumDimensions: Int { 16 }

    private func nullElement(
        _ decoder: Decoder, _ element: UnsafeMutablePointer<apus_typecaster>
    ) throws(PythonError) -> PyRef {
        decoder == .python ? try python(element, nil) : PyRef.none
    }

    private mutating func decode(
        _ decoder: Decoder, _ element: UnsafeMutablePointer<apus_typecaster>, _ slice: TextSlice
    ) throws(PythonError) -> PyRef {
        if slice.isVerbatim { return try decode(decoder, element, slice.bytes) }
        let copy = UnsafeMutableRawPointer.allocate(byteCount: slice.bytes.count + 1, alignment: 1)
        defer { copy.deallocate() }
        let count = slice.copy(to: copy)
        return try decode(decoder, element, UnsafeRawBufferPointer(start: copy, count: count))
    }
}
