/// The failure of a system call.
public struct SystemError: Error, Sendable, CustomStringConvertible {
    /// What failed, for an error message: "cannot create a timer".
    public let what: String
    /// The value of `errno`.
    public let code: Int32

    /// Reads `errno`, which the failed call has set.
    init(_ what: String) {
        code = errno
        self.what = what
    }

    public var description: String { "\(what): \(String(cString: strerror(code)))" }
}
