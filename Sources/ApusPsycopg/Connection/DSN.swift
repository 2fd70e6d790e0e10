import ApusConnector
import ApusPQ
import CApusPython

/// Connection strings as Python sees them.
enum DSN {
    /// The string to show as `connection.dsn`: as it was given, but for a password.
    static func hidingPassword(in dsn: PyObj) throws(Raised) -> PyObj {
        let given = try text(of: dsn)
        let parameters = try parse(given)
        guard parameters.contains(where: { $0.isSecret && !$0.value.isEmpty }) else { return dsn.retained() }
        return try python(ConnectionParameter.format(parameters.map(\.shown)))
    }

    /// `parse_dsn`: {keyword: value} of a connection string or URI.
    static func dictionary(of dsn: String) throws(Raised) -> PyObj {
        let result = try Owned(owned(PyDict_New()))
        for parameter in try parse(dsn) {
            let value = try Owned(python(parameter.value))
            try check(PyDict_SetItemString(result.object, parameter.keyword, value.object))
        }
        return result.take()
    }

    /// The settings of a connection string or URI, with the smart driver's properties. Raises ProgrammingError.
    static func parse(_ dsn: String) throws(Raised) -> [ConnectionParameter] {
        do { return try ConnectionString.parse(dsn) } catch {
            throw raise(module.pointee.programmingError, "invalid dsn: \(error.message)\n")
        }
    }
}
