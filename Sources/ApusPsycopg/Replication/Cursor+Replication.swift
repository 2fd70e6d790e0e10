import ApusPQ
import ApusPython
import ApusSessions
import ApusWaiting

/// The methods of a replication cursor: start a stream, read messages, and send feedback.
extension Cursor {
    /// `start_replication_expert(command, decode=False, status_interval=10)`
    func startReplication(_ command: PyObj, decodes: Bool, interval: Double) throws(PythonError) {
        let connection = try openConnection()
        try naming { () throws(PythonError) in
            try connection.checkOpen()
            try connection.checkIdle("start_replication_expert")
        }
        if Connection.isGreen { throw misuse("start_replication_expert cannot be used with an asynchronous callback.") }
        let interval = try duration(interval, "status_interval")
        let statement = try statement(command, nil, connection)
        var isBegun = false
        do throws(PythonError) {
            try run(statement.object, connection, expectedCopy: .stream) {
                isBegun = true
                setStream(ReplicationStream(decodes: decodes, interval: interval))
            }
        } catch {
            if isBegun { setStream(nil) }
            throw error
        }
    }

    private func duration(_ seconds: Double, _ name: StaticString) throws(PythonError) -> Duration {
        guard seconds >= 1, seconds < 1e9 else {
            throw misuse("\(name) must be >= 1 (sec) and < 1000000000, not \(seconds)")
        }
        return .microseconds(Int64(seconds * 1e6))
    }

    private func runningStream(_ call: StaticString) throws(PythonError) -> (ReplicationStream, Connection) {
        let connection = try openConnection()
        try connection.checkOpen()
        guard let stream, connection.core.exchange == nil else {
            throw misuse("\(call): not replicating, call start_replication first")
        }
        return (stream, connection)
    }

    /// `read_message()`: returns the next message if one has arrived, otherwise nil.
    func readMessage() throws(PythonError) -> PyRef? {
        let (stream, connection) = try runningStream("read_message")
        let core = connection.core
        let event = try connection.accessing { () -> Result<ReplicationStream.Event, PQError> in
            do throws(PQError) {
                let first = try stream.read(&core.session)
                // After the first wait libpq has no buffered message; after the second, the socket has been read too.
                guard case .wait = first else { return .success(first) }
                return .success(try stream.read(&core.session))
            } catch {
                core.markBrokenIfLost()
                return .failure(error)
            }
        }
        let read: ReplicationStream.Event
        do throws(PQError) { read = try event.get() } catch { throw raise(error) }
        switch read {
        case .wait: return nil
        case .message(let message): return try ReplicationMessage.make(message, self, decodes: stream.decodes)
        case .end:
            try finishStream(connection)
            return nil
        }
    }

    /// `consume_stream(consume, keepalive_interval=None)`: calls `consume` with each message until it raises.
    func consumeStream(_ consume: PyObj, interval: Double?) throws(PythonError) {
        let (stream, connection) = try runningStream("consume_stream")
        try naming { () throws(PythonError) in try connection.checkSynchronous("consume_stream") }
        if let interval {
            let interval = try duration(interval, "keepalive_interval")
            try connection.accessing { stream.interval = interval }
        }
        let core = connection.core
        while true {
            var event = ReplicationStream.Event.end
            try connection.holdingLock { () throws(PythonError) in
                try connection.blockingUnderLock(cancels: false) { () throws(PQError) in
                    event = try stream.read(&core.session)
                    if case .wait(let wait) = event { return wait }
                    return nil
                }
            }
            guard case .message(let message) = event else { break }
            let object = try ReplicationMessage.make(message, self, decodes: stream.decodes)
            _ = try consume.call(object.object)
            try connection.publishMessages()
        }
        try finishStream(connection)
    }

    /// Reads the result of the command, which the server sends after the end of the stream.
    private func finishStream(_ connection: Connection) throws(PythonError) {
        setStream(nil)
        let core = connection.core
        let exchange = Exchange.readingResults()
        if let failure = try connection.blocking(
            { () throws(PQError) in
                try exchange.advanceRecordingLoss(on: &core.session)
            }, finally: { _ in core.finishExchange(exchange) })
        {
            throw raise(failure)
        }
        try connection.publishMessages()
        if exchange.result != nil || exchange.anomalies != nil {
            try connection.checkSuccess(exchange, cursor: object)
        }
    }

    /// `send_feedback(write_lsn=0, flush_lsn=0, apply_lsn=0, reply=False, force=False)`
    func sendFeedback(written: UInt64, flushed: UInt64, applied: UInt64, reply: Bool, force: Bool) throws(PythonError) {
        let (stream, connection) = try runningStream("send_feedback")
        let core = connection.core
        // On an asynchronous connection, what the socket does not accept now is sent by the next read.
        let sent = try connection.accessing { () -> Result<Wait?, PQError> in
            stream.advance(written: written, flushed: flushed, applied: applied)
            guard reply || force else { return .success(nil) }
            stream.prepareFeedback(asksForReply: reply)
            do throws(PQError) { return .success(try stream.flush(&core.session)) } catch {
                core.markBrokenIfLost()
                return .failure(error)
            }
        }
        let wait: Wait?
        do throws(PQError) { wait = try sent.get() } catch { throw raise(error) }
        if wait == nil || core.isAsynchronous { return }
        try connection.holdingLock { () throws(PythonError) in
            try connection.blockingUnderLock { () throws(PQError) in try stream.flush(&core.session) }
        }
    }
}

extension ConnectionCore {
    fileprivate func markBrokenIfLost() {
        if session?.isBroken ?? true { markBroken() }
    }
}
