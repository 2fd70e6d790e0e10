import ApusConnector
import ApusPQ
import ApusPython

/// Connection strings as Python sees them.
enum DSN {
    /// Returns the value of `connection.dsn`: the given string, with the password hidden.
    /// - Parameters:
    ///   - dsn: the string that the program gave.
    ///   - parsed: the parameters of the same string.
    static func shown(_ dsn: PyObj, _ parsed: ConnectionString) throws(PythonError) -> PyRef {
        guard let shown = parsed.withHiddenSecrets else { return PyRef(retaining: dsn) }
        return try PyRef(shown)
    }

    /// Returns the connection string for a dict of keywords and values, which must be strings.
    static func format(_ settings: PyObj) throws(PythonError) -> PyRef {
        var parameters: [ConnectionParameter] = []
        try settings.forEachItem { (keyword, value) throws(PythonError) in
            try parameters.append(ConnectionParameter(text(of: keyword), text(of: value)))
        }
        return try PyRef(ConnectionParameter.format(parameters))
    }

    /// `parse_dsn`: returns a dict of the keywords and values in a connection string or URI.
    static func dictionary(of dsn: String) throws(PythonError) -> PyRef {
        let result = try PyRef.dict()
        for parameter in try parse(dsn).parameters {
            let value = try PyRef(parameter.value)
            try result.object.set(parameter.keyword, to: value.object)
        }
        return result
    }

    /// Parses a connection string or URI. Raises ProgrammingError.
    static func parse(_ dsn: String) throws(PythonError) -> ConnectionString {
        do { return try ConnectionString(dsn) } catch {
            throw raise(module.pointee.programmingError, "invalid dsn: \(error.message)\n")
        }
    }
}
