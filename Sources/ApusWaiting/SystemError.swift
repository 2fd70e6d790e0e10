/// A system call that failed, with its `errno`.
public struct SystemError: Error, Sendable, CustomStringConvertible {
    /// What could not be done, for people: "cannot create a timer".
    public let what: String
    /// The value of `errno`.
    public let code: Int32

    /// Takes `errno` as the last call left it.
    init(_ what: String) {
        code = errno
        self.what = what
    }

    public var description: String { "\(what): \(String(cString: strerror(code)))" }
}
