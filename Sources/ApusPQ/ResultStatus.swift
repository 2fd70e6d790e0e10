import CApusLibPQ

/// What a result is: rows, the end of a command, a transition to COPY, or an error.
///
/// Source: `PQresultStatus`,
/// <https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQRESULTSTATUS>
public enum ResultStatus: Sendable, Equatable {
    // In libpq's order, so that the conversion costs one comparison.

    /// The statement was empty.
    case emptyQuery
    /// A command that returns no rows has ended.
    case commandOK
    /// The rows of a statement, or in single-row mode the end of its rows.
    case tuplesOK
    /// `COPY … TO STDOUT` has begun.
    case copyOut
    /// `COPY … FROM STDIN` has begun.
    case copyIn
    /// The server's answer was not understood.
    case badResponse
    /// A notice or a warning. libpq gives these to the notice receiver, and never returns such a result.
    case nonfatalError
    /// The statement failed, or the connection broke.
    case fatalError
    /// Streaming replication has begun.
    case copyBoth
    /// One row of a statement in single-row mode.
    case singleTuple
    /// A synchronization point of a pipeline.
    case pipelineSync
    /// A statement of a pipeline was skipped, because one before it failed.
    case pipelineAborted
    /// A status that this driver does not ask for, or that is newer than it.
    case unknown

    @inlinable
    init(_ status: ExecStatusType) {
        switch status {
        case PGRES_EMPTY_QUERY: self = .emptyQuery
        case PGRES_COMMAND_OK: self = .commandOK
        case PGRES_TUPLES_OK: self = .tuplesOK
        case PGRES_COPY_OUT: self = .copyOut
        case PGRES_COPY_IN: self = .copyIn
        case PGRES_BAD_RESPONSE: self = .badResponse
        case PGRES_NONFATAL_ERROR: self = .nonfatalError
        case PGRES_FATAL_ERROR: self = .fatalError
        case PGRES_COPY_BOTH: self = .copyBoth
        case PGRES_SINGLE_TUPLE: self = .singleTuple
        case PGRES_PIPELINE_SYNC: self = .pipelineSync
        case PGRES_PIPELINE_ABORTED: self = .pipelineAborted
        default: self = .unknown
        }
    }

    /// libpq's name of the status, such as `PGRES_TUPLES_OK`.
    public var libpqName: String {
        switch self {
        case .emptyQuery: "PGRES_EMPTY_QUERY"
        case .commandOK: "PGRES_COMMAND_OK"
        case .tuplesOK: "PGRES_TUPLES_OK"
        case .copyOut: "PGRES_COPY_OUT"
        case .copyIn: "PGRES_COPY_IN"
        case .badResponse: "PGRES_BAD_RESPONSE"
        case .nonfatalError: "PGRES_NONFATAL_ERROR"
        case .fatalError: "PGRES_FATAL_ERROR"
        case .copyBoth: "PGRES_COPY_BOTH"
        case .singleTuple: "PGRES_SINGLE_TUPLE"
        case .pipelineSync: "PGRES_PIPELINE_SYNC"
        case .pipelineAborted: "PGRES_PIPELINE_ABORTED"
        case .unknown: "an unknown status"
        }
    }

    /// Whether it is an error of the server or of the connection.
    @inlinable public var isError: Bool {
        switch self {
        case .badResponse, .nonfatalError, .fatalError: true
        default: false
        }
    }

    /// Whether the connection is in COPY mode now, in whatever direction.
    @inlinable public var isCopy: Bool {
        switch self {
        case .copyIn, .copyOut, .copyBoth: true
        default: false
        }
    }
}
