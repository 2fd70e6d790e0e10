import CApusPython

/// The base of `psycopg2.extras.ReplicationCursor`; the commands that begin a stream are written in Python.
enum ReplicationCursorType {
    static func make(in owner: PyObj) throws(Raised) -> PyObj {
        try makeType(
            "psycopg2._psycopg.ReplicationCursor", in: owner, size: MemoryLayout<apus_cursor>.size,
            flags: apus_flag_subclass | apus_flag_collected, bases: module.pointee.cursor,
            [
                .doc("A cursor that reads a replication stream."),
                .traverse(apus_cursor_fields_traverse), .clear(apus_cursor_fields_clear),
                .dealloc(CursorType.deallocate), .properties(properties), .methods(methods),
            ])
    }

    nonisolated(unsafe) private static let properties = permanent(
        [
            .computed("wal_end", "The LSN of the log's end on the server, as last heard.") { me, _ in
                answer { () throws(Raised) in try owned(PyLong_FromUnsignedLongLong(Cursor(me).stream?.walEnd ?? 0)) }
            },
            .computed("io_timestamp", "When something was last sent or received.") { me, _ in
                answer { () throws(Raised) in try ReplicationMessage.moment(Cursor(me).stream?.lastExchange ?? 0) }
            },
            .computed("feedback_timestamp", "When feedback was last sent.") { me, _ in
                answer { () throws(Raised) in try ReplicationMessage.moment(Cursor(me).stream?.lastFeedback ?? 0) }
            },
        ] as [PyGetSetDef], end: .end)

    nonisolated(unsafe) private static let methods = permanent(
        [
            .fast(
                "start_replication_expert",
                "start_replication_expert(command, decode=False, status_interval=10): begins a stream."
            ) {
                me, positional, count, keywords in
                answer { () throws(Raised) in
                    let given = try Arguments(
                        "start_replication_expert", ["command", "decode", "status_interval"], required: 1, positional,
                        count, keywords)
                    try Cursor(me).startReplication(
                        given.required(0), decodes: given.truth(1, default: false),
                        interval: seconds(given.unlessNone(2)) ?? 10)
                    return none()
                }
            },
            .plain("read_message", "The next message that is there, or None.") { me, _ in
                answer { () throws(Raised) in try Cursor(me).readMessage() ?? none() }
            },
            .fast("consume_stream", "consume_stream(consume, keepalive_interval=None): calls with every message.") {
                me, positional, count, keywords in
                answer { () throws(Raised) in
                    let given = try Arguments(
                        "consume_stream", ["consume", "keepalive_interval"], required: 1, positional, count, keywords)
                    try Cursor(me).consumeStream(given.required(0), interval: seconds(given.unlessNone(1)))
                    return none()
                }
            },
            .fast("send_feedback", "send_feedback(write_lsn=0, flush_lsn=0, apply_lsn=0, reply=False, force=False)") {
                me, positional, count, keywords in
                answer { () throws(Raised) in
                    let given = try Arguments(
                        "send_feedback", ["write_lsn", "flush_lsn", "apply_lsn", "reply", "force"], positional, count,
                        keywords)
                    try Cursor(me).sendFeedback(
                        written: position(given[0]), flushed: position(given[1]), applied: position(given[2]),
                        reply: given.truth(3, default: false), force: given.truth(4, default: false))
                    return none()
                }
            },
        ] as [PyMethodDef], end: .end)

    private static func seconds(_ value: PyObj?) throws(Raised) -> Double? {
        guard let value else { return nil }
        let seconds = PyFloat_AsDouble(value)
        if seconds == -1 && PyErr_Occurred() != nil { throw Raised() }
        return seconds
    }

    private static func position(_ value: PyObj?) throws(Raised) -> UInt64 {
        guard let value else { return 0 }
        let position = PyLong_AsUnsignedLongLong(value)
        if PyErr_Occurred() != nil { throw Raised() }
        return position
    }
}
