import ApusPQ
import Logging

/// Receives the messages that the server sends unasked, and the failures that no call throws.
struct ConnectionObserver: Sendable {
    let logger: Logger
    let onNotice: (@Sendable (ServerMessage) -> Void)?

    /// A notice or a warning: to the program's handler, or to the log.
    func received(_ notice: ServerMessage) {
        if let onNotice { return onNotice(notice) }
        logger.debug(
            "notice from the server",
            metadata: [
                "severity": "\(notice.severityNonlocalized ?? notice.severity ?? "?")",
                "sqlstate": "\(notice.sqlState?.rawValue ?? "?")", "message": "\(notice.primary ?? notice.text)",
            ])
    }

    /// A notification: the program used `LISTEN`, and it must not vanish unseen.
    func received(_ notification: PQNotification) {
        logger.warning(
            "a notification arrived, and nothing in the program takes it",
            metadata: ["channel": "\(notification.channel)", "payload": "\(notification.payload)"])
    }

    /// The connection broke.
    func lost(_ error: ApusError) {
        logger.info("connection lost", metadata: ["error": "\(error)"])
    }

    /// A transaction, or a part of it, could not be rolled back; the call throws the error that led to the rollback.
    func rollbackFailed(_ error: ApusError) {
        logger.warning("a rollback failed", metadata: ["error": "\(error)"])
    }

    func cancelFailed(_ error: any Error) {
        logger.warning("a statement could not be cancelled", metadata: ["error": "\(error)"])
    }
}
