/// An error of a local cluster. Its message names the value and the valid values.
public struct LocalClusterError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of error, for programs.
    public enum Code: String, Sendable, Hashable {
        /// An option or an argument is invalid.
        case invalidValue
        /// A cluster with this name is already running.
        case alreadyRunning
        /// No cluster with this name is running.
        case notRunning
        /// The cluster has no node with this number.
        case noSuchNode
        /// The PostgreSQL server programs were not found.
        case postgresNotFound
        /// An address or port is not available for listening.
        case addressUnavailable
        /// The operation is not possible in the current state of the node or cluster.
        case wrongState
        /// An operation took too long.
        case timedOut
        /// A command, such as initdb, failed.
        case commandFailed
        /// A file could not be read or written.
        case fileSystem
    }

    /// The kind of error.
    public let code: Code
    /// One or more sentences, for display.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
