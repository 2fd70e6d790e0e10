import ApusPython
import CApusPsycopg

/// The base class of `psycopg2.extras.ReplicationCursor`; the methods that start a stream are written in Python.
enum ReplicationCursorType {
    static func make(in owner: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            typeNamed: "psycopg2._psycopg.ReplicationCursor", in: owner, size: MemoryLayout<apus_cursor>.size,
            flags: [.subclassable, .collected], base: module.pointee.cursor,
            [
                .doc("A cursor that reads a replication stream."),
                .traverse(apus_cursor_fields_traverse), .clear(apus_cursor_fields_clear),
                .dealloc(CursorType.deallocate), .properties(properties), .methods(methods),
            ])
    }

    private static let properties = Properties(
        [
            .computed("wal_end", "The LSN of the log's end on the server, as last heard.") { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Cursor(me).stream?.walEnd ?? 0) }
            },
            .computed("io_timestamp", "When something was last sent or received.") { me, _ in
                returningObject { () throws(PythonError) in
                    try ReplicationMessage.moment(Cursor(me).stream?.lastExchange ?? 0)
                }
            },
            .computed("feedback_timestamp", "When feedback was last sent.") { me, _ in
                returningObject { () throws(PythonError) in
                    try ReplicationMessage.moment(Cursor(me).stream?.lastFeedback ?? 0)
                }
            },
        ])

    private static let methods = Methods(
        [
            .fast(
                "start_replication_expert",
                "start_replication_expert(command, decode=False, status_interval=10): begins a stream."
            ) {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "start_replication_expert", ["command", "decode", "status_interval"], required: 1, positional,
                        count, keywords)
                    try Cursor(me).startReplication(
                        given.required(0), decodes: given.truth(1, default: false),
                        interval: seconds(given.unlessNone(2)) ?? 10)
                    return PyRef.none
                }
            },
            .plain("read_message", "The next message that is there, or None.") { me, _ in
                returningObject { () throws(PythonError) in try Cursor(me).readMessage() ?? PyRef.none }
            },
            .fast("consume_stream", "consume_stream(consume, keepalive_interval=None): calls with every message.") {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "consume_stream", ["consume", "keepalive_interval"], required: 1, positional, count, keywords)
                    try Cursor(me).consumeStream(given.required(0), interval: seconds(given.unlessNone(1)))
                    return PyRef.none
                }
            },
            .fast("send_feedback", "send_feedback(write_lsn=0, flush_lsn=0, apply_lsn=0, reply=False, force=False)") {
                me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "send_feedback", ["write_lsn", "flush_lsn", "apply_lsn", "reply", "force"], positional, count,
                        keywords)
                    try Cursor(me).sendFeedback(
                        written: position(given[0]), flushed: position(given[1]), applied: position(given[2]),
                        reply: given.truth(3, default: false), force: given.truth(4, default: false))
                    return PyRef.none
                }
            },
        ])

    private static func seconds(_ value: PyObj?) throws(PythonError) -> Double? {
        guard let value else { return nil }
        return try value.double
    }

    private static func position(_ value: PyObj?) throws(PythonError) -> UInt64 {
        guard let value else { return 0 }
        return try value.unsigned
    }
}
