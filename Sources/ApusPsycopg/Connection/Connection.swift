import ApusPQ
import ApusPython
import CApusPsycopg
import Synchronization

/// A borrowed reference to a Python connection.
struct Connection {
    let object: PyObj
    let core: ConnectionCore
    var fields: UnsafeMutablePointer<apus_connection> { object.fields(apus_connection.self) }

    /// Wraps the `self` of a method. Raises InterfaceError if `__init__` never ran.
    init(_ object: PyObj?) throws(PythonError) {
        guard let object, let core = object.fields(apus_connection.self).pointee.core else {
            throw raise(module.pointee.interfaceError, "the connection is not initialized")
        }
        self.object = object
        self.core = Unmanaged<ConnectionCore>.fromOpaque(core).takeUnretainedValue()
    }

    // MARK: Checks before a call

    /// Raises InterfaceError if the connection is closed, or was inherited by a forked child.
    @inline(__always)
    func checkOpen() throws(PythonError) {
        if core.closed != .open { throw raise(module.pointee.interfaceError, "connection already closed") }
        try checkOwner()
    }

    /// Raises InterfaceError if a forked child inherited the connection.
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

    /// Raises ProgrammingError between `tpc_prepare()` and the end of the two-phase transaction.
    func checkNotPrepared(_ call: StaticString) throws(PythonError) {
        if core.status == .prepared {
            throw raise(
                module.pointee.programmingError, "\(call) cannot be used with a prepared two-phase transaction")
        }
    }

    /// Raises ProgrammingError in a transaction that the connection began. It does not see a transaction that the
    /// program began with a statement in autocommit.
    func checkNoTransaction(_ call: StaticString) throws(PythonError) {
        if core.status != .ready {
            throw raise(module.pointee.programmingError, "\(call) cannot be used inside a transaction")
        }
    }

    // MARK: Messages and parameters from the server

    /// The PGconn, to read from; nil if the connection is closed.
    var libpq: OpaquePointer? { core.session?.pointer }

    /// The current value of a parameter that the server reports; nil if it does not report it.
    func parameterStatus(_ name: String) throws(PythonError) -> String? {
        let core = self.core
        return try accessing { core.session?.parameterStatus(name) }
    }

    /// The same for a name from Python, as a Python object; None if the server does not report the parameter.
    func parameterStatus(_ name: PyObj) throws(PythonError) -> PyRef {
        try parameterStatus(text(of: name, withoutNUL: "the name of a parameter")).map(PyRef.init) ?? PyRef.none
    }

    /// Appends new notices and notifications to `connection.notices` and `connection.notifies`, and updates the
    /// encoding.
    func publishMessages() throws(PythonError) {
        guard core.session != nil else { return }
        // A thread that holds the lock fetches the messages itself, after its statement.
        if core.lock.tryLock() {
            core.fetchMessages()
            core.lock.unlock()
        }
        try publishFetchedMessages()
    }

    /// The same for messages that are in the inbox already, without reading from libpq.
    func publishFetchedMessages() throws(PythonError) {
        if core.inboxHasMessages.load(ordering: .acquiring) {
            let inbox = core.takeInbox()
            if !inbox.notices.isEmpty { try publish(inbox.notices) }
            for notification in inbox.notifications { try publish(notification) }
        }
        // A broken connection has no encoding. Its remaining messages are in the last one.
        if let current = core.session?.clientEncodingID, current >= 0, current != core.encodingID {
            try followEncoding()
        }
    }

    private func publish(_ notices: [ServerMessage]) throws(PythonError) {
        guard let given = fields.pointee.notices, !given.isNone else { return }
        // Keep a reference, because `append()` may run Python code that assigns another list.
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
        // As in psycopg2, only the last 50 are kept.
        if list.isExactList, list.listCount > Self.noticesKept {
            try list.removeFirst(list.listCount - Self.noticesKept)
        }
    }

    private static let noticesKept = 50

    private func publish(_ notification: PQNotification) throws(PythonError) {
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

    /// Appends to a list object of the program. The statement succeeded; an exception from the program's list must not
    /// make it fail.
    private func append(_ item: PyObj, to list: PyObj) throws(PythonError) {
        do throws(PythonError) { _ = try list.callMethod(module.pointee.nameAppend, item) } catch {
            guard PendingException.isInstance(of: Python.exception) else { throw error }
            PendingException.clear()
        }
    }

    /// Updates the encoding, and the other properties that stay readable after the session has ended.
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

/// Detects changes of the client encoding and of standard_conforming_strings, on which the meaning of literals depends.
extension Connection {
    /// Returns the number of changes so far, for `checkQuoting`. To be called before the values of a statement are
    /// quoted.
    func quotingChanges() throws(PythonError) -> Int {
        if core.isShared { try rereadQuotingRules() }
        // Another thread's statement may have changed the encoding, without the thread having updated it here yet.
        if let current = core.session?.clientEncodingID, current >= 0, current != core.encodingID {
            try followEncoding()
        }
        return core.quotingChanges
    }

    /// Raises OperationalError if the encoding or standard_conforming_strings has changed since: an adapter or another
    /// thread executed a statement meanwhile, and a value could break out of its quotes.
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

    /// Re-reads the settings on which quoting depends, because C code of the program may have executed statements.
    @inline(never)
    func rereadQuotingRules() throws(PythonError) {
        let core = self.core
        guard core.closed == .open, core.session != nil else { return }
        try accessing { core.readLiteralRules() }
        try publishFetchedMessages()
    }
}
