import ApusPython
import ApusSessions
import ApusValues

/// Puts arguments into the placeholders of a statement: `%s` from a sequence, `%(name)s` from a mapping, `%%` for a
/// percent sign.
struct StatementMerge {
    private let statement: UnsafeRawBufferPointer
    private let arguments: PyObj
    private let quoting: Quoting

    private enum Style { case unknown, positional, named }
    private var style = Style.unknown
    private var used = 0
    /// What is wrong with the format; raised at the end, for what the arguments raise comes first.
    private var malformed: (exception: PyObj, message: String)?
    /// Where the literals of names are in the output: an argument used twice is adapted once.
    private var literals: [(name: UnsafeRawBufferPointer, literal: Range<Int>)] = []

    /// - Parameters:
    ///   - statement: in the encoding of `quoting`.
    ///   - arguments: a sequence or a mapping, as the placeholders ask for.
    init(_ statement: UnsafeRawBufferPointer, _ arguments: PyObj, _ quoting: Quoting) {
        self.statement = statement
        self.arguments = arguments
        self.quoting = quoting
    }

    /// Writes the statement with its arguments. Raises IndexError, KeyError, TypeError, ValueError or ProgrammingError
    /// where the placeholders and the arguments do not fit, and whatever an adapter raises.
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
        if let malformed { throw raise(malformed.exception, malformed.message) }
        try checkAllUsed()
    }

    /// - Returns: the position behind the placeholder.
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
            // Anything else behind a percent sign would have taken an argument.
            try positional(to: &writer)
            if percent + 1 >= statement.count {
                refuse(Python.valueError, "incomplete format")
            } else {
                refuseCharacter(at: percent + 1)
            }
            return percent + 1 + (percent + 1 < statement.count ? 1 : 0)
        }
    }

    private mutating func positional(to writer: inout ByteWriter) throws(PythonError) {
        if style == .named { throw mixed() }
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
        if style == .positional { throw mixed() }
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
            refuse(Python.valueError, "incomplete format")
            return end + 1
        }
        if statement[end + 1] != UInt8(ascii: "s") { refuseCharacter(at: end + 1) }
        return end + 2
    }

    private mutating func appendArgument(
        _ name: UnsafeRawBufferPointer, to writer: inout ByteWriter
    ) throws(PythonError) {
        // A few names are found faster by looking than by hashing; with many, adapting again costs less.
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
        // A statement without placeholders takes any arguments.
        if style != .positional || !arguments.isSequence || arguments.isDict { return }
        guard let count = try? arguments.count else {
            PendingException.clear()
            return
        }
        if count > used { throw raiseTypeError("not all arguments converted during string formatting") }
    }

    private mutating func refuseCharacter(at position: Int) {
        let character = statement[position]
        let shown =
            Unicode.Scalar(character).properties.isWhitespace || character >= 32
            ? Character(Unicode.Scalar(character)) : "?"
        refuse(
            Python.valueError,
            "unsupported format character '\(shown)' (0x\(String(character, radix: 16))) at index \(position)")
    }

    private mutating func refuse(_ exception: PyObj, _ message: String) {
        if malformed == nil { malformed = (exception, message) }
    }

    private func mixed() -> PythonError {
        raise(module.pointee.programmingError, "argument formats can't be mixed")
    }
}
