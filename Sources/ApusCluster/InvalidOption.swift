/// An option whose value cannot be used: names the option, the value, and what would be valid.
public struct InvalidOption: Error, Sendable, Equatable, CustomStringConvertible {
    public var keyword: String
    public var value: String
    /// What would be valid, worded to follow "expected".
    public var expected: String

    public init(_ keyword: String, _ value: String, expected: String) {
        self.keyword = keyword
        self.value = value
        self.expected = expected
    }

    public var description: String { "invalid value \"\(value)\" for \"\(keyword)\": expected \(expected)" }
}
