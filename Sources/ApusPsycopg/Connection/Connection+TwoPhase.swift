import ApusPQ
import ApusPython
import ApusSessions

/// Two-phase commit: PEP 249's `tpc_*` methods on PostgreSQL's PREPARE TRANSACTION.
extension Connection {
    /// `xid(format_id, gtrid, bqual)`
    func makeXid(_ given: Arguments) throws(PythonError) -> PyRef {
        let type = try xidType()
        return try type.object.call(given.required(0), given.required(1), given.required(2))
    }

    private func xidType() throws(PythonError) -> PyRef {
        let xids = try Python.module("psycopg2._xid")
        return try xids.object.attribute("Xid")
    }

    /// Returns the name of a transaction on the server, for an Xid or a `str`.
    private func name(of xid: PyObj) throws(PythonError) -> String {
        if xid.isStr { return try text(of: xid, withoutNUL: "a transaction id") }
        let type = try xidType()
        let fits = try xid.isInstance(asking: type.object)
        guard fits else { throw raiseTypeError("not a valid transaction id") }
        let shown = try xid.str()
        return try text(of: shown.object, withoutNUL: "a transaction id")
    }

    /// `tpc_begin(xid)`
    func beginTwoPhase(_ xid: PyObj) throws(PythonError) {
        try checkOpen()
        try checkSynchronous("tpc_begin")
        try checkNotPrepared("tpc_begin")
        let name = try name(of: xid)
        guard core.status == .ready else {
            throw raise(module.pointee.programmingError, "tpc_begin cannot be used inside a transaction")
        }
        if core.transaction.autocommit {
            throw raise(module.pointee.programmingError, "tpc_begin can't be called in autocommit mode")
        }
        let wasInTransaction = core.isInTransaction
        do throws(PythonError) { try command(core.transaction.begin) } catch {
            // The server may have begun the transaction in spite of the error.
            if !wasInTransaction, core.isInTransaction { core.status = .begin }
            throw error
        }
        core.status = .begin
        core.twoPhaseName = name
    }

    /// `tpc_prepare()`
    func prepareTwoPhase() throws(PythonError) {
        try checkOpen()
        try checkSynchronous("tpc_prepare")
        try checkNotPrepared("tpc_prepare")
        guard let name = core.twoPhaseName else {
            throw raise(module.pointee.programmingError, "prepare must be called inside a two-phase transaction")
        }
        do throws(PythonError) { try command("PREPARE TRANSACTION \(literal(name))") } catch {
            // The server rolls back a transaction that it cannot prepare.
            if core.session?.transactionStatus == .idle { core.endTransaction() }
            throw error
        }
        core.endTransaction()
        core.status = .prepared
        core.twoPhaseName = name
    }

    /// `tpc_commit([xid])` and `tpc_rollback([xid])`: ends the two-phase transaction of this connection or, with an
    /// xid, one that any connection has prepared. None as an xid raises TypeError, because the program may have meant
    /// another transaction than this connection's.
    func endTwoPhase(_ call: StaticString, by ending: Exchange.Ending, _ xid: PyObj?) throws(PythonError) {
        try checkOpen()
        try checkSynchronous(call)
        if let xid {
            let name = try name(of: xid)
            guard core.status == .ready else {
                throw raise(
                    module.pointee.programmingError,
                    "tpc_commit/tpc_rollback with a xid must be called outside a transaction")
            }
            try command("\(ending.command) PREPARED \(literal(name))")
            return
        }
        guard let name = core.twoPhaseName else {
            throw raise(
                module.pointee.programmingError,
                "tpc_commit/tpc_rollback with no parameter must be called in a two-phase transaction")
        }
        if core.status != .prepared {
            try endTransaction(by: ending)
            return
        }
        try command("\(ending.command) PREPARED \(literal(name))")
        core.endTransaction()
    }

    /// `tpc_recover()`
    func recoverTwoPhase() throws(PythonError) -> PyRef {
        try checkOpen()
        try checkSynchronous("tpc_recover")
        try checkNotPrepared("tpc_recover")
        let xids = try Python.module("psycopg2._xid")
        let recover = try xids.object.attribute("recover")
        return try recover.object.call(object)
    }

    /// Raises ProgrammingError in a two-phase transaction, which only the `tpc_*` methods may end.
    func checkNotTwoPhase(_ call: StaticString) throws(PythonError) {
        if core.twoPhaseName != nil {
            throw raise(module.pointee.programmingError, "\(call) cannot be used during a two-phase transaction")
        }
    }
}
