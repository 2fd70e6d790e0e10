import ApusPython
import CApusPsycopg

/// The base class of `psycopg2.extras.ReplicationCursor`; the methods that start a stream are written in Python.
enum ReplicationCursorType {
    static func make(in owner: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            typeNamed: "psycopg2._psycopg.ReplicationCursor", in: owner, size: MemoryLayout<apus_cursor>.size,
            flags: [.subclassable, .collected], base: module.pointee.cursor,
            signature: "(conn, name=None)",
            doc: """
                A cursor that reads a replication stream; the base class of `extras.ReplicationCursor`.

                The parameters are those of `cursor`.
                """,
            [
                .traverse(apus_cursor_fields_traverse), .clear(apus_cursor_fields_clear),
                .dealloc(CursorType.deallocate), .properties(properties), .methods(methods),
            ])
    }

    private static let properties = Properties(
        [
            .computed("wal_end", "Position (LSN) of the end of the log on the server, as of its last message; an int.")
            { me, _ in
                returningObject { () throws(PythonError) in try PyRef(Cursor(me).stream?.walEnd ?? 0) }
            },
            .computed("io_timestamp", "Time of the last message sent or received; a datetime in local time.") { me, _ in
                returningObject { () throws(PythonError) in
                    try ReplicationMessage.moment(Cursor(me).stream?.lastExchange ?? 0)
                }
            },
            .computed("feedback_timestamp", "Time of the last feedback message sent; a datetime in local time.") {
                me, _ in
                returningObject { () throws(PythonError) in
                    try ReplicationMessage.moment(Cursor(me).stream?.lastFeedback ?? 0)
                }
            },
        ])

    private static let methods = Methods(
        [
            .fast(
                "start_replication_expert", "(command, decode=False, status_interval=10)",
                """
                Start streaming with a START_REPLICATION command. `start_replication()` writes the command.

                - command: str, bytes or an object of `psycopg2.sql`.
                - decode: True decodes payloads to str; False, the default, leaves them as bytes.
                - status_interval: seconds between feedback messages, a number of at least 1.

                Raises ProgrammingError for an invalid interval, and the error of the server.
                """
            ) { me, positional, count, keywords in
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
            .plain(
                "read_message",
                """
                Return the next ReplicationMessage if one has arrived, else None, without waiting.

                Call it again until it returns None, then wait for `connection.fileno()`, but not longer than the
                status interval. Raises ProgrammingError if no stream was started, and the error of the server if it
                ended the stream.
                """
            ) { me, _ in
                returningObject { () throws(PythonError) in try Cursor(me).readMessage() ?? PyRef.none }
            },
            .fast(
                "consume_stream", "(consume, keepalive_interval=None)",
                """
                Block and call `consume(message)` for every replication message, until it raises or the server ends
                the stream.

                - consume: a callable, which gets a ReplicationMessage. Raise `extras.StopReplication` in it to
                  stop.
                - keepalive_interval: seconds between feedback messages, a number of at least 1; None for the status
                  interval.

                An exception of `consume` is raised again. Raises ProgrammingError if no stream was started, and in
                asynchronous mode.

                    def consume(message):
                        print(message.payload)
                        message.cursor.send_feedback(flush_lsn=message.data_start)

                    cursor.consume_stream(consume)
                """
            ) { me, positional, count, keywords in
                returningObject { () throws(PythonError) in
                    let given = try Arguments(
                        "consume_stream", ["consume", "keepalive_interval"], required: 1, positional, count, keywords)
                    try Cursor(me).consumeStream(given.required(0), interval: seconds(given.unlessNone(1)))
                    return PyRef.none
                }
            },
            .fast(
                "send_feedback", "(write_lsn=0, flush_lsn=0, apply_lsn=0, reply=False, force=False)",
                """
                Report the progress of the client to the server, with the next feedback message.

                - write_lsn, flush_lsn, apply_lsn: positions (LSN) up to which messages were received, stored and
                  applied; ints. The server may discard the log before `flush_lsn`. A position lower than the last
                  one, such as 0, is ignored.
                - reply: True asks the server to answer at once, and sends the message at once.
                - force: True sends the message at once.

                Raises ProgrammingError if no stream was started.
                """
            ) { me, positional, count, keywords in
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
