import ApusPython
import ApusSessions
import ApusValues

/// Replaces the placeholders of a statement by its arguments: `%s` takes the next item of a sequence, `%(name)s` an
/// item of a mapping, and `%%` becomes a percent sign.
struct StatementMerge {
    private let statement: UnsafeRawBufferPointer
    private let arguments: PyObj
    private let quoting: Quoting

    private enum Style { case unknown, positional, named }
    private var style = Style.unknown
    private var used = 0
    /// The first error in the format. It is raised at the end, because exceptions about the arguments take precedence.
    private var formatError: (exception: PyObj, message: String)?
    /// The literals of named arguments in the output, so that an argument that is used twice is adapted only once.
    private var literals: [(name: UnsafeRawBufferPointer, literal: Range<Int>)] = []

    /// - Parameters:
    ///   - statement: in the encoding of `quoting`.
    ///   - arguments: a sequence for positional placeholders, a mapping for named ones.
    init(_ statement: UnsafeRawBufferPointer, _ arguments: PyObj, _ quoting: Quoting) {
        self.statement = statement
        self.arguments = arguments
        self.quoting = quoting
    }

    /// Writes the statement with its arguments. Raises IndexError, KeyError, TypeError, ValueError or ProgrammingError
    /// if the arguments do not match the placeholders, and the exceptions of adapters.
    mutating func write(to writer: inout ByteWriter) throws(PythonError) {
        var position = 0
        while position < statement.count {
            guard let percent = statement.position(of: UInt8(ascii: "%"), from: position) else {
                writer.append(UnsafeRawBufferPointer(rebasing: statement[position...]))
                break
            }
            if percent > position { writer.append(UnsafeRawBufferPointer(rebasing: statement[position..<percent])) }
            position = try placeholder(at: percent, to: &writer)
        }
        if let formatError { throw raise(formatError.exception, formatError.message) }
        try checkAllUsed()
    }

    /// - Returns: the position after the placeholder.
    @inline(__always)
    private mutating func placeholder(at percent: Int, to writer: inout ByteWriter) throws(PythonError) -> Int {
        let next = percent + 1 < statement.count ? statement[percent + 1] : 0
        switch next {
        case UInt8(ascii: "s"):
            try positional(to: &writer)
            return percent + 2
        case UInt8(ascii: "%"):
            writer.append(next)
            return percent + 2
        case UInt8(ascii: "("):
            return try named(at: percent, to: &writer)
        default:
            // Any other character after a percent sign consumes an argument, as in Python's `%` operator.
            try positional(to: &writer)
            if percent + 1 >= statement.count {
                report(Python.valueError, "incomplete format")
            } else {
                reportCharacter(at: percent + 1)
            }
            return percent + 1 + (percent + 1 < statement.count ? 1 : 0)
        }
    }

    @inline(__always)
    private mutating func positional(to writer: inout ByteWriter) throws(PythonError) {
        if style == .named { throw mixedStyles() }
        style = .positional
        let argument: PyRef
        if arguments.isExactTuple, used < arguments.tupleCount {
            argument = PyRef(retaining: arguments.tupleItem(used))
        } else {
            argument = try item(used)
        }
        used += 1
        try quoting.append(argument.object, to: &writer)
    }

    private func item(_ index: Int) throws(PythonError) -> PyRef {
        if !arguments.isSequence || arguments.isDict {
            let problem =
                arguments.isMapping && arguments.isDict
                ? "\(arguments.typeName) is not a sequence" : "'\(arguments.typeName)' object does not support indexing"
            throw raiseTypeError(problem)
        }
        return try arguments.sequenceItem(index)
    }

    private mutating func named(at percent: Int, to writer: inout ByteWriter) throws(PythonError) -> Int {
        if style == .positional { throw mixedStyles() }
        style = .named
        let start = percent + 2
        guard let end = statement[start...].firstIndex(of: UInt8(ascii: ")")) else {
            throw raise(module.pointee.programmingError, "incomplete placeholder: '%(' without ')'")
        }
        let name = UnsafeRawBufferPointer(rebasing: statement[start..<end])
        if zip(name, name.dropFirst()).contains(where: { $0 == UInt8(ascii: "%") && $1 == UInt8(ascii: "(") }) {
            throw raise(module.pointee.programmingError, "incomplete placeholder: '%(' without ')'")
        }
        try appendArgument(name, to: &writer)
        guard end + 1 < statement.count else {
            report(Python.valueError, "incomplete format")
            return end + 1
        }
        if statement[end + 1] != UInt8(ascii: "s") { reportCharacter(at: end + 1) }
        return end + 2
    }

    private mutating func appendArgument(
        _ name: UnsafeRawBufferPointer, to writer: inout ByteWriter
    ) throws(PythonError) {
        // Linear search is faster than hashing for a few names; for many names, adapting an argument again costs less
        // than the search.
        for known in literals.prefix(16) where known.name.elementsEqual(name) {
            let range = known.literal
            let end = writer.reserve(range.count)
            end.update(from: end - writer.count + range.lowerBound, count: range.count)
            writer.advance(by: range.count)
            return
        }
        let key = try quoting.encoding.decode(name)
        let argument = try arguments.getItem(key.object)
        let start = writer.count
        try quoting.append(argument.object, to: &writer)
        literals.append((name, start..<writer.count))
    }

    private func checkAllUsed() throws(PythonError) {
        // A statement without placeholders accepts any arguments.
        if style != .positional || !arguments.isSequence || arguments.isDict { return }
        guard let count = try? arguments.count else {
            PendingException.clear()
            return
        }
        if count > used { throw raiseTypeError("not all arguments converted during string formatting") }
    }

    private mutating func reportCharacter(at position: Int) {
        let character = statement[position]
        let shown =
            Unicode.Scalar(character).properties.isWhitespace || character >= 32
            ? Character(Unicode.Scalar(character)) : "?"
        report(
            Python.valueError,
            "unsupported format character '\(shown)' (0x\(String(character, radix: 16))) at index \(position)")
    }

    private mutating func report(_ exception: PyObj, _ message: String) {
        if formatError == nil { formatError = (exception, message) }
    }

    private func mixedStyles() -> PythonError {
        raise(module.pointee.programmingError, "argument formats can't be mixed")
    }
}
