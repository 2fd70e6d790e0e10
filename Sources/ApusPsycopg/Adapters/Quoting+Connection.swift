import ApusPython

/// Returns how to quote for a connection.
func quoting(for connection: PyObj) throws(PythonError) -> Quoting { try Connection(connection).quoting }

extension Connection {
    var quoting: Quoting {
        get throws(PythonError) {
            if core.isShared { try rereadQuotingRules() }
            return Quoting(connection: object, encoding: core.encoding, doublesBackslashes: core.doublesBackslashes)
        }
    }
}
