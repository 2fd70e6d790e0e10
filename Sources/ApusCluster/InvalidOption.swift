/// An option with an invalid value. Its description names the option, the value, and what would be valid.
public struct InvalidOption: Error, Sendable, Equatable, CustomStringConvertible {
    /// The option's name.
    public var keyword: String
    /// The value that was given.
    public var value: String
    /// What would be valid, in words that follow "expected".
    public var expected: String

    public init(_ keyword: String, _ value: String, expected: String) {
        self.keyword = keyword
        self.value = value
        self.expected = expected
    }

    public var description: String { "invalid value \"\(value)\" for \"\(keyword)\": expected \(expected)" }
}
