import ApusPQ
import ApusPython
import CApusPsycopg
import Synchronization

/// A Python connection, borrowed.
struct Connection {
    let object: PyObj
    let core: ConnectionCore
    var fields: UnsafeMutablePointer<apus_connection> { object.fields(apus_connection.self) }

    /// From the `self` of a method.
    init(_ object: PyObj?) throws(PythonError) {
        guard let object, let core = object.fields(apus_connection.self).pointee.core else {
            throw raise(module.pointee.interfaceError, "the connection is not initialized")
        }
        self.object = object
        self.core = Unmanaged<ConnectionCore>.fromOpaque(core).takeUnretainedValue()
    }

    // MARK: What a call demands of the connection

    /// Raises InterfaceError for a closed connection, and for one that a fork's child inherited.
    @inline(__always)
    func checkOpen() throws(PythonError) {
        if core.closed != .open { throw raise(module.pointee.interfaceError, "connection already closed") }
        try checkOwner()
    }

    /// Raises InterfaceError for a connection that a fork's child inherited.
    @inline(__always)
    func checkOwner() throws(PythonError) {
        if !core.isOurs { throw inherited() }
    }

    @inline(never)
    func inherited() -> PythonError {
        raise(
            module.pointee.interfaceError,
            "the connection belongs to the process that opened it: a forked process has to open its own")
    }

    /// Raises ProgrammingError on an asynchronous connection.
    func checkSynchronous(_ call: StaticString) throws(PythonError) {
        if core.isAsynchronous {
            throw raise(module.pointee.programmingError, "\(call) cannot be used in asynchronous mode")
        }
    }

    /// Raises ProgrammingError while an asynchronous query runs.
    func checkIdle(_ call: StaticString) throws(PythonError) {
        if core.exchange != nil {
            throw raise(
                module.pointee.programmingError, "\(call) cannot be used while an asynchronous query is underway")
        }
    }

    func checkNotPrepared(_ call: StaticString) throws(PythonError) {
        if core.status == .prepared {
            throw raise(
                module.pointee.programmingError, "\(call) cannot be used with a prepared two-phase transaction")
        }
    }

    /// A call that only makes sense outside of a transaction that the connection began. One that a program began with a
    /// statement of its own, in autocommit, is the program's.
    func checkNoTransaction(_ call: StaticString) throws(PythonError) {
        if core.status != .ready {
            throw raise(module.pointee.programmingError, "\(call) cannot be used inside a transaction")
        }
    }

    // MARK: What the engine learnt

    /// libpq's connection, for looking; nil when closed.
    var libpq: OpaquePointer? { core.session?.pointer }

    func parameterStatus(_ name: String) throws(PythonError) -> String? {
        let core = self.core
        return try accessing { core.session?.parameterStatus(name) }
    }

    /// The same for a name from Python, as a Python object; None where the server reports no such parameter.
    func parameterStatus(_ name: PyObj) throws(PythonError) -> PyRef {
        try parameterStatus(text(of: name, withoutNUL: "the name of a parameter")).map(PyRef.init) ?? PyRef.none
    }

    /// Moves what the server sent unasked to the lists that Python sees, and follows a change of the encoding.
    func collect() throws(PythonError) {
        guard core.session != nil else { return }
        // Where another thread is at work it gathers by itself, in the end.
        if core.lock.tryLock() {
            core.gather()
            core.lock.unlock()
        }
        try collectGathered()
    }

    /// The same for what was gathered before, by this thread or another.
    func collectGathered() throws(PythonError) {
        if core.hasMail.load(ordering: .acquiring) {
            let inbox = core.takeInbox()
            if !inbox.notices.isEmpty { try collect(inbox.notices) }
            for notification in inbox.notifications { try collect(notification) }
        }
        // A connection that has broken has no encoding any more: what is still to be read of it is in the last one.
        if let current = core.session?.clientEncodingID, current >= 0, current != core.encodingID {
            try followEncoding()
        }
    }

    private func collect(_ notices: [ServerMessage]) throws(PythonError) {
        guard let given = fields.pointee.notices, !given.isNone else { return }
        // Its append() may put another collection in its place.
        let keeper = PyRef(retaining: given)
        let list = keeper.object
        for notice in notices {
            let text = try core.encoding.decode(notice.encodedText)
            if list.isExactList {
                try list.append(text.object)
            } else {
                try append(text.object, to: list)
            }
        }
        // The list is a window on the last ones, not a log that grows for ever.
        if list.isExactList, list.listCount > Self.noticesKept {
            try list.removeFirst(list.listCount - Self.noticesKept)
        }
    }

    private static let noticesKept = 50

    private func collect(_ notification: PQNotification) throws(PythonError) {
        guard let given = fields.pointee.notifies, !given.isNone else { return }
        let keeper = PyRef(retaining: given)
        let list = keeper.object
        let notify = try makeNotify(notification, core.encoding)
        if list.isExactList {
            try list.append(notify.object)
        } else {
            try append(notify.object, to: list)
        }
    }

    /// Appends to a collection of the program's own. The statement that was told something has succeeded: an error of
    /// the collection's is not its.
    private func append(_ item: PyObj, to list: PyObj) throws(PythonError) {
        do throws(PythonError) { _ = try list.callMethod(module.pointee.nameAppend, item) } catch {
            guard PendingException.isInstance(of: Python.exception) else { throw error }
            PendingException.clear()
        }
    }

    /// Uses the encoding that the connection has now.
    func followEncoding() throws(PythonError) {
        guard let id = core.session?.clientEncodingID, let name = core.session?.clientEncoding else { return }
        core.encoding = try ClientEncoding(postgres: name)
        if core.encodingID != id { core.quotingChanges &+= 1 }
        core.encodingID = id
        core.facts.encoding = ConnectionCore.Facts.shown(encoding: name)
        core.facts.serverVersion = core.session?.serverVersion ?? 0
        core.facts.protocolVersion = core.session?.protocolVersion ?? 0
    }
}

/// What literals depend on: the client encoding and standard_conforming_strings.
extension Connection {
    /// What `checkQuoting` compares: to be asked before the values of a statement are quoted.
    func quotingChanges() throws(PythonError) -> Int {
        if core.isShared { try lookAgain() }
        // Another thread may not have come to follow a change of the encoding that its statement made.
        if let current = core.session?.clientEncodingID, current >= 0, current != core.encodingID {
            try followEncoding()
        }
        return core.quotingChanges
    }

    /// Raises OperationalError if what quoting depends on has changed since: an adapter, or another thread, executed a
    /// statement meanwhile, and a value could break out of its quotes.
    func checkQuoting(since quotedFor: Int) throws(PythonError) {
        if !core.isUnchanged(since: quotedFor) { throw quotingHasChanged() }
    }

    @inline(never)
    func quotingHasChanged() -> PythonError {
        raise(
            module.pointee.operationalError,
            "standard_conforming_strings or the client encoding of the connection was changed while the arguments of the "
                + "statement were adapted: it was not sent")
    }

    /// Asks libpq again what quoting depends on, where C code of the program's may have executed statements.
    @inline(never)
    func lookAgain() throws(PythonError) {
        let core = self.core
        guard core.closed == .open, core.session != nil else { return }
        try accessing { core.readLiteralRules() }
        try collectGathered()
    }
}
