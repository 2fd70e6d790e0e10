import ApusPQ
import CApusPython

/// A `psycopg2.extensions.Notify` of what the server sent.
func makeNotify(_ notification: PQNotification, _ encoding: ClientEncoding) throws(Raised) -> PyObj {
    let notify = try Owned(owned(apus_allocate(module.pointee.notify.asType)))
    let fields = notify.object.fields(apus_notify.self)
    fields.pointee.pid = try python(Int(notification.backendPID))
    fields.pointee.channel = try encoding.decode(notification.encodedChannel)
    fields.pointee.payload = try encoding.decode(notification.encodedPayload)
    return notify.take()
}

/// `psycopg2.extensions.Notify`: a notification; as a sequence, (pid, channel).
func makeNotifyType(in owner: PyObj) throws(Raised) -> PyObj {
    try makeType(
        "psycopg2.extensions.Notify", in: owner, size: MemoryLayout<apus_notify>.size,
        flags: apus_flag_subclass | apus_flag_collected,
        [
            .doc("A notification received from the backend."),
            .initialize { me, arguments, keywords in
                succeed { () throws(Raised) in
                    let given = try Arguments(
                        "Notify", ["pid", "channel", "payload"], required: 2, tuple: arguments, dict: keywords)
                    let fields = try receiver(me).fields(apus_notify.self)
                    let payload: PyObj
                    if let value = given[2] { payload = value.retained() } else { payload = try python("") }
                    try replace(&fields.pointee.pid, with: given.required(0).retained())
                    try replace(&fields.pointee.channel, with: given.required(1).retained())
                    replace(&fields.pointee.payload, with: payload)
                }
            },
            .repr { me in
                answer { () throws(Raised) in
                    let all = try Owned(values(receiver(me), count: 3))
                    let shown = try Owned(owned(PyObject_Repr(all.object)))
                    return try python("Notify" + text(of: shown.object))
                }
            },
            .compare { me, other, operation in
                answer { () throws(Raised) in
                    guard operation == Py_EQ || operation == Py_NE else { return apus_not_implemented().retained() }
                    let other = try receiver(other)
                    // A plain pair has no payload to compare.
                    if apus_is_instance(other, module.pointee.notify) != 0 {
                        let mine = try Owned(values(receiver(me), count: 3))
                        let theirs = try Owned(values(other, count: 3))
                        return try owned(PyObject_RichCompare(mine.object, theirs.object, operation))
                    }
                    let mine = try Owned(values(receiver(me), count: 2))
                    if apus_is_tuple(other) != 0 {
                        return try owned(PyObject_RichCompare(mine.object, other, operation))
                    }
                    return python(operation == Py_NE)
                }
            },
            .hash { me in
                do throws(Raised) {
                    // Equal to its pair, so hashed as the pair where there is no payload.
                    let me = try receiver(me)
                    let payload = Owned((me.fields(apus_notify.self).pointee.payload ?? apus_none()).retained())
                    let hasPayload = PyObject_IsTrue(payload.object)
                    try check(hasPayload)
                    let all = try Owned(values(me, count: hasPayload != 0 ? 3 : 2))
                    return PyObject_Hash(all.object)
                } catch { return -1 }
            },
            .length { _ in 2 },
            .item { me, index in
                answer { () throws(Raised) in
                    let all = try Owned(values(receiver(me), count: 2))
                    return try owned(PySequence_GetItem(all.object, index))
                }
            },
            .methods(
                permanent(
                    [
                        .plain("__reduce__", "Pickles the notification.") { me, _ in
                            answer { () throws(Raised) in
                                let me = try receiver(me)
                                let result = try Owned(owned(PyTuple_New(2)))
                                apus_tuple_set(result.object, 0, apus_type_object(me).retained())
                                try apus_tuple_set(result.object, 1, values(me, count: 3))
                                return result.take()
                            }
                        }
                    ] as [PyMethodDef], end: .end)),
            .traverse(apus_notify_traverse), .clear(apus_notify_clear), .dealloc(apus_notify_dealloc),
            .members(
                permanent(
                    [
                        .field("pid", "The server process that notified.", \apus_notify.pid),
                        .field("channel", "The name of the channel.", \apus_notify.channel),
                        .field("payload", "The payload, perhaps empty.", \apus_notify.payload),
                    ], end: .end)),
        ])
}

private func values(_ me: PyObj, count: Int) throws(Raised) -> PyObj {
    // Made first: a new tuple may set off the cycle collector, and with it finalizers that change the notification.
    let tuple = try owned(PyTuple_New(count))
    let fields = me.fields(apus_notify.self).pointee
    let all = [fields.pid, fields.channel, fields.payload]
    for index in 0..<count { apus_tuple_set(tuple, index, (all[index] ?? apus_none()).retained()) }
    return tuple
}
