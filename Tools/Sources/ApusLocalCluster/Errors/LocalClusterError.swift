/// Why a local cluster could not do what was asked, in words that name the value and what would be valid.
public struct LocalClusterError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure, for programs.
    public enum Code: String, Sendable, Hashable {
        /// An option or an argument has a value that makes no sense.
        case invalidValue
        /// A cluster of that name is running already.
        case alreadyRunning
        /// No cluster of that name is running.
        case notRunning
        /// The cluster has no node of that number.
        case noSuchNode
        /// PostgreSQL's server binaries were not found.
        case postgresNotFound
        /// An address or port cannot be listened on.
        case addressUnavailable
        /// The node is in a state in which this cannot be done.
        case wrongState
        /// Something took longer than it may.
        case timedOut
        /// A command that the cluster is built with failed.
        case commandFailed
        /// A file could not be read or written.
        case fileSystem
    }

    public let code: Code
    /// One or more sentences for people.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
