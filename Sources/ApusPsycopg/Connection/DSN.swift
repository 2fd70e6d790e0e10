import ApusConnector
import ApusPQ
import CApusPython

/// Connection strings as Python sees them.
enum DSN {
    /// The string to show as `connection.dsn`: as it was given, but without a password.
    /// - Parameter dsn: the string that `parsed` is of.
    static func shown(_ dsn: PyObj, _ parsed: ConnectionString) throws(Raised) -> PyObj {
        guard let shown = parsed.withHiddenSecrets else { return dsn.retained() }
        return try python(shown)
    }

    /// A connection string of a dict of keywords and values, which are strings.
    static func format(_ settings: PyObj) throws(Raised) -> PyObj {
        var parameters: [ConnectionParameter] = []
        var position = 0
        var keyword: PyObj?
        var value: PyObj?
        while PyDict_Next(settings, &position, &keyword, &value) != 0 {
            if let keyword, let value { try parameters.append(ConnectionParameter(text(of: keyword), text(of: value))) }
        }
        return try python(ConnectionParameter.format(parameters))
    }

    /// `parse_dsn`: {keyword: value} of a connection string or URI.
    static func dictionary(of dsn: String) throws(Raised) -> PyObj {
        let result = try Owned(owned(PyDict_New()))
        for parameter in try parse(dsn).parameters {
            let value = try Owned(python(parameter.value))
            try check(PyDict_SetItemString(result.object, parameter.keyword, value.object))
        }
        return result.take()
    }

    /// Parses a connection string or URI. Raises ProgrammingError.
    static func parse(_ dsn: String) throws(Raised) -> ConnectionString {
        do { return try ConnectionString(dsn) } catch {
            throw raise(module.pointee.programmingError, "invalid dsn: \(error.message)\n")
        }
    }
}
