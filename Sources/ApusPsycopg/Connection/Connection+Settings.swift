import ApusPQ
import ApusPython
import ApusSessions

extension Connection {
    func setIsolationLevel(_ value: PyObj) throws(PythonError) {
        try checkOpen()
        try checkSynchronous("set_isolation_level")
        try checkNotPrepared("set_isolation_level")
        var settings = core.transaction
        if value.isNone {
            settings.isolation = nil
            settings.autocommit = false
        } else {
            let level = try value.integer
            guard (0...4).contains(level) else { throw raiseValueError("isolation level must be between 0 and 4") }
            settings.autocommit = level == 0
            // In autocommit the level stays for the transactions that come after it.
            if level != 0 { settings.isolation = TransactionSettings.Isolation(rawValue: level) }
        }
        // Unlike the properties, this call ends the transaction that is open.
        try endTransaction(by: .rollback)
        try set(settings, naming: [])
    }

    func setClientEncoding(_ name: String) throws(PythonError) {
        try checkOpen()
        try checkSynchronous("set_client_encoding")
        try checkNotPrepared("set_client_encoding")
        // As psycopg2: what is so already ends no transaction.
        let name = ConnectionCore.Facts.shown(encoding: name)
        if name == core.session?.clientEncoding.map(ConnectionCore.Facts.shown) { return }
        try endTransaction(by: .rollback)
        let settings = core.transaction
        core.transaction.autocommit = true
        defer { core.transaction = settings }
        let before = core.session?.clientEncoding ?? "UTF8"
        // The server knows best which names there are; one that Python has no codec for is of no use all the same.
        do throws(PythonError) {
            try command("SET client_encoding TO \(literal(name))")
            try publishMessages()
        } catch {
            let exception = PendingException.take()
            if core.closed == .open, core.session?.clientEncoding != before {
                do throws(PythonError) { try command("SET client_encoding TO \(literal(before))") } catch {
                    PendingException.clear()
                }
            }
            if let exception { PendingException.restore(exception) }
            throw error
        }
    }

    /// The connection's parameters as a dict; no password.
    func parameters() throws(PythonError) -> PyRef {
        let result = try PyRef.dict()
        for parameter in core.session?.parameters ?? [] where parameter.keyword != "password" {
            let value = try PyRef(parameter.value)
            try result.object.set(parameter.keyword, to: value.object)
        }
        return result
    }
}
