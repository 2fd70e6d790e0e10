/// Passwords are hidden from `print`, `dump` and debuggers.
extension ConnectionParameter: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The keywords of this libpq whose values are passwords.
    public static let secretKeywords: Set<String> = Set(((try? known()) ?? []).filter(\.isSecret).map(\.keyword))
        .union(["password", "sslpassword"])

    /// Whether the value is a password.
    public var isSecret: Bool { Self.secretKeywords.contains(keyword) }

    /// The parameter with a password replaced by `xxx`.
    public var shown: ConnectionParameter {
        isSecret && !value.isEmpty ? ConnectionParameter(keyword, "xxx") : self
    }

    /// The parameter in a connection string, with a password replaced by `xxx`.
    public var description: String { Self.format([shown]) }
    /// The same as ``description``.
    public var debugDescription: String { description }
    /// The keyword and the value, with a password replaced by `xxx`.
    public var customMirror: Mirror { Mirror(self, children: ["keyword": keyword, "value": shown.value]) }
}
