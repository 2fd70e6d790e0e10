/// Passwords are not shown: not by `print`, not by `dump`, and not in a debugger.
extension ConnectionParameter: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// libpq's keywords whose values are passwords.
    public static let secretKeywords: Set<String> = Set(((try? known()) ?? []).filter(\.isSecret).map(\.keyword))
        .union(["password", "sslpassword"])

    /// Whether the value must not be shown.
    public var isSecret: Bool { Self.secretKeywords.contains(keyword) }

    /// The parameter with what may be shown of it: `xxx` in place of a password.
    public var shown: ConnectionParameter {
        isSecret && !value.isEmpty ? ConnectionParameter(keyword, "xxx") : self
    }

    public var description: String { Self.format([shown]) }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["keyword": keyword, "value": shown.value]) }
}
