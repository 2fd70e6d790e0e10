import ApusPQ
import ApusPython
import CApusPsycopg

/// A `psycopg2.extensions.Notify` of what the server sent.
func makeNotify(_ notification: PQNotification, _ encoding: ClientEncoding) throws(PythonError) -> PyRef {
    let notify = try PyRef(instanceOf: module.pointee.notify)
    let fields = notify.object.fields(apus_notify.self)
    fields.pointee.pid = try PyRef(Int(notification.backendPID)).take()
    fields.pointee.channel = try encoding.decode(notification.encodedChannel).take()
    fields.pointee.payload = try encoding.decode(notification.encodedPayload).take()
    return notify
}

/// `psycopg2.extensions.Notify`: a notification; as a sequence, (pid, channel).
func makeNotifyType(in owner: PyObj) throws(PythonError) -> PyRef {
    try PyRef(
        typeNamed: "psycopg2.extensions.Notify", in: owner, size: MemoryLayout<apus_notify>.size,
        flags: [.subclassable, .collected],
        signature: "(pid, channel, payload='')",
        doc: """
            A notification from the server, found in `connection.notifies`. As a sequence it is (pid, channel).

            - pid: the process ID of the server process that sent it, an int.
            - channel: the name of the channel, a str.
            - payload: the payload, a str.

            It equals another Notify with the same three values, and a tuple (pid, channel).
            """,
        [
            .initialize { me, arguments, keywords in
                returningStatus { () throws(PythonError) in
                    let given = try Arguments(
                        "Notify", ["pid", "channel", "payload"], required: 2, tuple: arguments, dict: keywords)
                    let fields = try receiver(me).fields(apus_notify.self)
                    let payload: PyRef
                    if let value = given[2] { payload = PyRef(retaining: value) } else { payload = try PyRef("") }
                    try replace(&fields.pointee.pid, with: PyRef(retaining: given.required(0)))
                    try replace(&fields.pointee.channel, with: PyRef(retaining: given.required(1)))
                    replace(&fields.pointee.payload, with: payload)
                }
            },
            .repr { me in
                returningObject { () throws(PythonError) in
                    let all = try values(receiver(me), count: 3)
                    let shown = try all.object.repr()
                    return try PyRef("Notify" + text(of: shown.object))
                }
            },
            .compare { me, other, operation in
                returningObject { () throws(PythonError) in
                    guard operation == Comparison.equal || operation == Comparison.notEqual else {
                        return PyRef(retaining: Python.notImplemented)
                    }
                    let other = try receiver(other)
                    // A plain pair has no payload to compare.
                    if other.isInstance(of: module.pointee.notify) {
                        let mine = try values(receiver(me), count: 3)
                        let theirs = try values(other, count: 3)
                        return try mine.object.compare(theirs.object, operation)
                    }
                    let mine = try values(receiver(me), count: 2)
                    if other.isTuple {
                        return try mine.object.compare(other, operation)
                    }
                    return PyRef(operation == Comparison.notEqual)
                }
            },
            .hash { me in
                do throws(PythonError) {
                    // Equal to its pair, so hashed as the pair where there is no payload.
                    let me = try receiver(me)
                    let payload = PyRef(retaining: me.fields(apus_notify.self).pointee.payload ?? Python.none)
                    let hasPayload = try payload.object.truth
                    let all = try values(me, count: hasPayload ? 3 : 2)
                    return try all.object.hash()
                } catch { return -1 }
            },
            .length { _ in 2 },
            .item { me, index in
                returningObject { () throws(PythonError) in
                    let all = try values(receiver(me), count: 2)
                    return try all.object.sequenceItem(index)
                }
            },
            .methods(notifyMethods),
            .traverse(apus_notify_traverse), .clear(apus_notify_clear), .dealloc(apus_notify_dealloc),
            .members(notifyMembers),
        ])
}

private func values(_ me: PyObj, count: Int) throws(PythonError) -> PyRef {
    // Made first: a new tuple may set off the cycle collector, and with it finalizers that change the notification.
    let tuple = try PyRef(tupleOf: count)
    let fields = me.fields(apus_notify.self).pointee
    let all = [fields.pid, fields.channel, fields.payload]
    for index in 0..<count { tuple.set(tupleItem: index, to: PyRef(retaining: all[index] ?? Python.none)) }
    return tuple
}

/// Made once, because CPython keeps pointers into it.
private let notifyMethods = Methods(
    [
        .plain("__reduce__", "Return what pickle and copy need to create the notification again.") {
            me, _ in
            returningObject { () throws(PythonError) in
                let me = try receiver(me)
                let result = try PyRef(tupleOf: 2)
                result.set(tupleItem: 0, to: PyRef(retaining: me.type))
                try result.set(tupleItem: 1, to: values(me, count: 3))
                return result
            }
        }
    ] as [Method])

/// Made once, because CPython keeps pointers into it.
private let notifyMembers = Members([
    .field(
        "pid", "Process ID of the server process that sent it; an int.", \apus_notify.pid),
    .field("channel", "Name of the channel; a str.", \apus_notify.channel),
    .field(
        "payload", "Payload of the notification; a str, empty if there is none.", \apus_notify.payload),
])
