import ApusPQ
import ApusWaiting

/// COPY needs a caller that reads or writes its data. If a statement starts a COPY that its caller did not expect, the
/// exchange itself ends the COPY, and reads the results of the rest of the text, so that the connection stays usable.
/// It does so without blocking, in each of the three ways to wait.
extension Exchange {
    /// The COPYs whose data the caller of an exchange transfers itself.
    public enum CopyKind: Sendable {
        case none
        /// Between a file and a table.
        case file
        /// A replication stream.
        case stream

        func contains(_ status: ResultStatus) -> Bool {
            switch self {
            case .none: false
            case .file: status == .copyIn || status == .copyOut
            case .stream: status == .copyBoth
            }
        }
    }

    /// Results that the caller did not expect, and the loss of the connection. Most exchanges have none.
    public final class Anomalies {
        /// The status of BEGIN's result, if that is neither a command's completion nor an error.
        public internal(set) var unexpectedBeginStatus: ResultStatus?
        /// The first COPY that the caller did not expect.
        public internal(set) var refusedCopy: ResultStatus?
        /// The COPY that the exchange is ending.
        var endingCopy: ResultStatus?
        /// The number of messages of COPY data that were dropped.
        public internal(set) var droppedPieces = 0
        /// The number of consecutive failures to end a COPY.
        var failedEndAttempts = 0
        /// The error by which the connection was lost during the exchange.
        public internal(set) var loss: PQError?
    }

    func makeAnomalies() -> Anomalies {
        if let anomalies { return anomalies }
        let new = Anomalies()
        anomalies = new
        return new
    }

    /// Drops the result that started the COPY. To be called after the COPY's data; the next result is the COPY's own.
    public func endCopy() { _ = takeResult() }

    /// Abandons a COPY that has started: from now on `advance` ends it, and drops the data that are left.
    public func abandonCopy() {
        expectedCopy = .none
        guard let status = result?.status else { return }
        if status.isCopy { makeAnomalies().endingCopy = status }
        endCopy()
    }

    /// Records a COPY that the caller did not expect, for `leaveCopy` to end.
    func refuse(_ status: ResultStatus) {
        let anomalies = makeAnomalies()
        anomalies.refusedCopy = anomalies.refusedCopy ?? status
        anomalies.endingCopy = status
    }

    /// Ends a COPY: COPY FROM is ended with an error, and the data of COPY TO are dropped.
    /// - Returns: what to wait for; nil when the next result is the COPY's own.
    func leaveCopy(_ anomalies: Anomalies, _ connection: inout PQConnection?) throws(PQError) -> Wait? {
        while let status = anomalies.endingCopy {
            if status == .copyOut {
                if let wait = try dropPiece(anomalies, &connection) { return wait }
                continue
            }
            if let wait = try sendEnd(anomalies, &connection, isStream: status == .copyBoth) { return wait }
            // A replication stream is over when the server has ended its direction, too.
            anomalies.endingCopy = status == .copyBoth ? .copyOut : nil
        }
        return nil
    }

    private func sendEnd(
        _ anomalies: Anomalies, _ connection: inout PQConnection?, isStream: Bool
    ) throws(PQError) -> Wait? {
        do throws(PQError) {
            // A replication stream cannot be ended with an error.
            let step = try connection?.sendCopyEnd(error: isStream ? nil : "COPY FROM STDIN was given up by the client")
            guard let step else { throw Self.closed }
            if case .wait(let wait) = step { return wait }
            anomalies.failedEndAttempts = 0
        } catch { try anomalies.recordEndFailure(error, isBroken: connection?.isBroken ?? true) }
        return nil
    }

    /// Reads one message of COPY data, and drops it.
    private func dropPiece(_ anomalies: Anomalies, _ connection: inout PQConnection?) throws(PQError) -> Wait? {
        do throws(PQError) {
            guard let step = try connection?.nextCopyData() else { throw Self.closed }
            switch consume step {
            case .wait(let wait): return wait
            case .done(let event):
                anomalies.failedEndAttempts = 0
                switch consume event {
                case .data: anomalies.droppedPieces &+= 1
                case .end: anomalies.endingCopy = nil
                }
            }
        } catch {
            try anomalies.recordEndFailure(error, isBroken: connection?.isBroken ?? true)
            anomalies.endingCopy = nil
        }
        return nil
    }
}

extension Exchange.Anomalies {
    /// Ignores the first error after an attempt to end a COPY, because libpq refuses the call if the COPY's data had
    /// ended already and only its result is left. Throws the error if it is the second in a row, or if the connection
    /// is broken.
    fileprivate func recordEndFailure(_ error: PQError, isBroken: Bool) throws(PQError) {
        failedEndAttempts &+= 1
        if failedEndAttempts > 1 || isBroken { throw error }
    }
}
