import ApusConnector
import ApusPQ
import ApusPython

/// Connection strings as Python sees them.
enum DSN {
    /// The string to show as `connection.dsn`: as it was given, but for a password.
    static func hidingPassword(in dsn: PyObj) throws(PythonError) -> PyRef {
        let given = try text(of: dsn)
        let parameters = try parse(given)
        guard parameters.contains(where: { $0.isSecret && !$0.value.isEmpty }) else { return PyRef(retaining: dsn) }
        return try PyRef(ConnectionParameter.format(parameters.map(\.shown)))
    }

    /// `parse_dsn`: {keyword: value} of a connection string or URI.
    static func dictionary(of dsn: String) throws(PythonError) -> PyRef {
        let result = try PyRef.dict()
        for parameter in try parse(dsn) {
            let value = try PyRef(parameter.value)
            try result.object.set(parameter.keyword, to: value.object)
        }
        return result
    }

    /// The settings of a connection string or URI, with the smart driver's properties. Raises ProgrammingError.
    static func parse(_ dsn: String) throws(PythonError) -> [ConnectionParameter] {
        do { return try ConnectionString.parse(dsn) } catch {
            throw raise(module.pointee.programmingError, "invalid dsn: \(error.message)\n")
        }
    }
}
