import ApusPQ
import ApusWaiting

/// COPY needs a partner that reads or writes its data. A statement that begins one which its caller does not go on with
/// leaves the connection usable all the same: the exchange itself leads every such COPY to its end, and reads what the
/// rest of the text answers. It does so without blocking, in each of the three ways to wait.
extension Exchange {
    /// The COPYs that the caller of an exchange goes on with.
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

    /// What an exchange remembers of answers that it should not have got.
    public final class Detour {
        /// What the server answered BEGIN by, if that is neither a command's completion nor an error.
        public internal(set) var strayAnswer: ResultStatus?
        /// The first COPY that the caller does not go on with.
        public internal(set) var refusedCopy: ResultStatus?
        /// The COPY that is being led to its end.
        var leavingCopy: ResultStatus?
        /// Counts the pieces of COPY data that were dropped.
        public internal(set) var dropped = 0
        /// How often in a row a COPY could not be ended.
        var failedEnds = 0
        /// How the connection was lost while the answer was waited for.
        public internal(set) var loss: PQError?
    }

    func takeDetour() -> Detour {
        if let detour { return detour }
        let new = Detour()
        detour = new
        return new
    }

    /// COPY's data has been exchanged: its own result is the next that comes.
    public func endCopy() { _ = takeResult() }

    /// Gives up a COPY that was begun: what is left of the answer is read and dropped.
    public func abandonCopy() {
        takes = .none
        guard let status = result?.status else { return }
        if status.isCopy { takeDetour().leavingCopy = status }
        endCopy()
    }

    /// Notes a COPY that the caller does not go on with.
    func refuse(_ status: ResultStatus) {
        let detour = takeDetour()
        detour.refusedCopy = detour.refusedCopy ?? status
        detour.leavingCopy = status
    }

    /// Leads a COPY to its end: data for the server are refused, data from it are dropped.
    /// - Returns: what to wait for; nil when the COPY's own result is the next that comes.
    func leaveCopy(_ detour: Detour, _ connection: inout PQConnection?) throws(PQError) -> Wait? {
        while let status = detour.leavingCopy {
            if status == .copyOut {
                if let wait = try dropData(detour, &connection) { return wait }
                continue
            }
            if let wait = try endFeeding(detour, &connection, isStream: status == .copyBoth) { return wait }
            // A stream goes on until the server has ended its half, too.
            detour.leavingCopy = status == .copyBoth ? .copyOut : nil
        }
        return nil
    }

    private func endFeeding(
        _ detour: Detour, _ connection: inout PQConnection?, isStream: Bool
    ) throws(PQError) -> Wait? {
        do throws(PQError) {
            // A server that streams knows no other end than a peaceful one.
            let step = try connection?.sendCopyEnd(error: isStream ? nil : "COPY FROM STDIN was given up by the client")
            guard let step else { throw Self.closed }
            if case .wait(let wait) = step { return wait }
            detour.failedEnds = 0
        } catch { try detour.failToEnd(error, isBroken: connection?.isBroken ?? true) }
        return nil
    }

    /// Drops a piece of data.
    private func dropData(_ detour: Detour, _ connection: inout PQConnection?) throws(PQError) -> Wait? {
        do throws(PQError) {
            guard let step = try connection?.nextCopyData() else { throw Self.closed }
            switch consume step {
            case .wait(let wait): return wait
            case .done(let event):
                detour.failedEnds = 0
                switch consume event {
                case .data: detour.dropped &+= 1
                case .end: detour.leavingCopy = nil
                }
            }
        } catch {
            try detour.failToEnd(error, isBroken: connection?.isBroken ?? true)
            detour.leavingCopy = nil
        }
        return nil
    }
}

extension Exchange.Detour {
    /// A COPY that is given up may have come to the end of its data before: then libpq refuses the call, because only
    /// the result is left. Throws the error if it is another one, which comes again or has broken the connection.
    fileprivate func failToEnd(_ error: PQError, isBroken: Bool) throws(PQError) {
        failedEnds &+= 1
        if failedEnds > 1 || isBroken { throw error }
    }
}
