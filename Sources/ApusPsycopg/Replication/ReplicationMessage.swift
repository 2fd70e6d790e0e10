import ApusPython
import ApusSessions
import CApusPsycopg

/// `psycopg2.extras.ReplicationMessage`
enum ReplicationMessage {
    static func make(_ message: ReplicationStream.Message, _ cursor: Cursor, decodes: Bool) throws(PythonError) -> PyRef
    {
        let object = try PyRef(instanceOf: module.pointee.replicationMessage)
        let fields = object.object.fields(apus_replication_message.self)
        let encoding = try Connection(cursor.fields.pointee.connection).core.encoding
        fields.pointee.cursor = cursor.object.retained()
        fields.pointee.payload = try PyRef(
            new: message.payload.withUnsafeBytes { bytes in
                returningObject { () throws(PythonError) in
                    try decodes ? encoding.decode(bytes) : PyRef(bytes: bytes)
                }
            }
        ).take()
        fields.pointee.data_size = try PyRef(message.payload.count).take()
        fields.pointee.data_start = try PyRef(message.start).take()
        fields.pointee.wal_end = try PyRef(message.walEnd).take()
        fields.pointee.send_time = try moment(message.sentAt).take()
        return object
    }

    /// Converts microseconds since 1970 to a datetime in local time.
    static func moment(_ microseconds: Int64) throws(PythonError) -> PyRef {
        let seconds = try PyRef(Double(microseconds) / 1e6)
        return try module.pointee.datetime.callMethod("fromtimestamp", seconds.object)
    }

    /// Formats an LSN as PostgreSQL does: `16/B374D848`.
    private static func shown(_ lsn: PyObj?) throws(PythonError) -> String {
        let value = try (lsn ?? Python.none).lowestBits
        return String(value >> 32, radix: 16, uppercase: true) + "/"
            + String(value & 0xFFFF_FFFF, radix: 16, uppercase: true)
    }

    private static func description(_ me: PyObj) throws(PythonError) -> PyRef {
        let fields = me.fields(apus_replication_message.self).pointee
        guard let size = fields.data_size, let time = fields.send_time else {
            return try PyRef("<ReplicationMessage object>")
        }
        return try PyRef(
            "<ReplicationMessage object at 0x\(String(UInt(bitPattern: me), radix: 16)); "
                + "data_size: \(size.shown); data_start: \(shown(fields.data_start)); "
                + "wal_end: \(shown(fields.wal_end)); send_time: \(time.shown)>")
    }

    static func makeType(in owner: PyObj) throws(PythonError) -> PyRef {
        try PyRef(
            typeNamed: "psycopg2.extras.ReplicationMessage", in: owner,
            size: MemoryLayout<apus_replication_message>.size,
            flags: [.subclassable, .collected],
            signature: "()",
            doc: """
                A message of a replication stream, as `read_message()` returns it and `consume_stream()` passes it
                on.
                """,
            [
                .repr { me in
                    returningObject { () throws(PythonError) in try ReplicationMessage.description(receiver(me)) }
                },
                .traverse(apus_replication_message_traverse), .clear(apus_replication_message_clear),
                .dealloc(apus_replication_message_dealloc),
                .members(messageMembers),
            ])
    }
}

/// Made once, because CPython keeps pointers into it.
private let messageMembers = Members([
    .field(
        "cursor", "The ReplicationCursor that received the message.",
        \apus_replication_message.cursor),
    .field(
        "payload", "Content of the message: bytes, or str if the stream is decoded.",
        \apus_replication_message.payload),
    .field(
        "data_size", "Size of the message in bytes, before it is decoded; an int.",
        \apus_replication_message.data_size),
    .field(
        "data_start", "Position (LSN) of the beginning of the message; an int.",
        \apus_replication_message.data_start),
    .field(
        "wal_end",
        "Position (LSN) of the end of the log on the server when it sent the message; an int.",
        \apus_replication_message.wal_end),
    .field(
        "send_time", "Time when the server sent the message; a datetime in local time.",
        \apus_replication_message.send_time),
])
