import ApusPQ
import Logging

/// Receives the messages that the server sends unasked, and the errors that no call throws.
struct ConnectionObserver: Sendable {
    let logger: Logger
    /// The program's handler of notices.
    let onNotice: (@Sendable (ServerMessage) -> Void)?

    /// Passes a notice or a warning to the program's handler; without one, logs it.
    func received(_ notice: ServerMessage) {
        if let onNotice { return onNotice(notice) }
        logger.debug(
            "notice from the server",
            metadata: [
                "severity": "\(notice.severityNonlocalized ?? notice.severity ?? "?")",
                "sqlstate": "\(notice.sqlState?.rawValue ?? "?")", "message": "\(notice.primary ?? notice.text)",
            ])
    }

    /// Logs a notification, because the program has used `LISTEN` and there is no other way to receive it.
    func received(_ notification: PQNotification) {
        logger.warning(
            "a notification arrived, and nothing in the program takes it",
            metadata: ["channel": "\(notification.channel)", "payload": "\(notification.payload)"])
    }

    /// Logs the loss of the connection.
    func connectionLost(_ error: ApusError) {
        logger.info("connection lost", metadata: ["error": "\(error)"])
    }

    /// Logs that a transaction, or a part of it, could not be rolled back. The call throws the error that led to the
    /// rollback.
    func rollbackFailed(_ error: ApusError) {
        logger.warning("a rollback failed", metadata: ["error": "\(error)"])
    }

    /// Logs that a request to cancel could not be sent.
    func cancelFailed(_ error: any Error) {
        logger.warning("a statement could not be cancelled", metadata: ["error": "\(error)"])
    }
}
