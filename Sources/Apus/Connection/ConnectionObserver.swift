import ApusPQ
import Logging

/// Who is told of what a server says unasked.
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

    /// A notification: somebody used `LISTEN`, and it must not vanish unseen.
    func received(_ notification: PQNotification) {
        logger.warning(
            "a notification arrived, and nothing in the program takes it",
            metadata: ["channel": "\(notification.channel)", "payload": "\(notification.payload)"])
    }

    /// The connection broke.
    func lost(_ error: ApusError) {
        logger.info("connection lost", metadata: ["error": "\(error)"])
    }

    func cancelFailed(_ error: any Error) {
        logger.warning("a statement could not be cancelled", metadata: ["error": "\(error)"])
    }
}
