import CApusPython

/// `psycopg2.extras.ReplicationMessage`
enum ReplicationMessage {
    static func make(_ message: ReplicationStream.Message, _ cursor: Cursor, decodes: Bool) throws(Raised) -> PyObj {
        let object = try Owned(owned(apus_allocate(module.pointee.replicationMessage.asType)))
        let fields = object.object.fields(apus_replication_message.self)
        let encoding = try Connection(cursor.fields.pointee.connection).core.encoding
        fields.pointee.cursor = cursor.object.retained()
        fields.pointee.payload = try message.payload.withUnsafeBytesRaising { (bytes) throws(Raised) in
            try decodes ? encoding.decode(bytes) : pythonBytes(bytes)
        }
        fields.pointee.data_size = try python(message.payload.count)
        fields.pointee.data_start = try owned(PyLong_FromUnsignedLongLong(message.start))
        fields.pointee.wal_end = try owned(PyLong_FromUnsignedLongLong(message.walEnd))
        fields.pointee.send_time = try moment(message.sentAt)
        return object.take()
    }

    /// A moment since 1970 as a datetime in local time.
    static func moment(_ microseconds: Int64) throws(Raised) -> PyObj {
        let seconds = try Owned(owned(PyFloat_FromDouble(Double(microseconds) / 1e6)))
        let name = try Owned(interned("fromtimestamp"))
        return try owned(apus_method1(module.pointee.datetime, name.object, seconds.object))
    }

    /// An LSN as PostgreSQL writes it: `16/B374D848`.
    private static func shown(_ lsn: PyObj?) throws(Raised) -> String {
        let value = PyLong_AsUnsignedLongLongMask(lsn ?? apus_none())
        if PyErr_Occurred() != nil { throw Raised() }
        return String(value >> 32, radix: 16, uppercase: true) + "/"
            + String(value & 0xFFFF_FFFF, radix: 16, uppercase: true)
    }

    private static func description(_ me: PyObj) throws(Raised) -> PyObj {
        let fields = me.fields(apus_replication_message.self).pointee
        guard let size = fields.data_size, let time = fields.send_time else {
            return try python("<ReplicationMessage object>")
        }
        let shownSize = try Owned(owned(PyObject_Str(size)))
        let shownTime = try Owned(owned(PyObject_Str(time)))
        return try python(
            "<ReplicationMessage object at 0x\(String(UInt(bitPattern: me), radix: 16)); "
                + "data_size: \(text(of: shownSize.object)); data_start: \(shown(fields.data_start)); "
                + "wal_end: \(shown(fields.wal_end)); send_time: \(text(of: shownTime.object))>")
    }

    static func makeType(in owner: PyObj) throws(Raised) -> PyObj {
        try ApusPsycopg.makeType(
            "psycopg2.extras.ReplicationMessage", in: owner, size: MemoryLayout<apus_replication_message>.size,
            flags: apus_flag_subclass | apus_flag_collected,
            [
                .doc("A message of a replication stream."),
                .repr { me in answer { () throws(Raised) in try ReplicationMessage.description(receiver(me)) } },
                .traverse(apus_replication_message_traverse), .clear(apus_replication_message_clear),
                .dealloc(apus_replication_message_dealloc),
                .members(
                    permanent(
                        [
                            .field("cursor", "The cursor that read it.", \apus_replication_message.cursor),
                            .field("payload", "What the server sent.", \apus_replication_message.payload),
                            .field("data_size", "How many bytes that was.", \apus_replication_message.data_size),
                            .field("data_start", "The LSN of its start.", \apus_replication_message.data_start),
                            .field(
                                "wal_end", "The LSN of the log's end on the server.", \apus_replication_message.wal_end),
                            .field("send_time", "When the server sent it.", \apus_replication_message.send_time),
                        ], end: .end)),
            ])
    }
}

extension [UInt8] {
    fileprivate func withUnsafeBytesRaising(
        _ body: (UnsafeRawBufferPointer) throws(Raised) -> PyObj
    ) throws(Raised) -> PyObj {
        do { return try withUnsafeBytes { try body($0) } } catch { throw Raised() }
    }
}
