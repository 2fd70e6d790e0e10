import ApusPython
import ApusValues
import CApusPsycopg

/// Writes Python objects as SQL literals. It holds the settings of a connection that quoting depends on, read once per
/// statement.
///
/// The connection is borrowed for one statement: a cursor, an adapter or the caller keeps it alive.
struct Quoting {
    /// The Python connection that adapters are prepared with; nil if there is none.
    var connection: PyObj?
    var encoding: ClientEncoding
    /// True if `standard_conforming_strings` is off, so that a backslash in a plain literal is an escape.
    var doublesBackslashes: Bool
    /// The types that are quoted without an adapter object.
    var direct: DirectTypes
    /// Counts the adapter objects that were called, if the caller needs the number. It must outlive the quoting.
    var adaptations: UnsafeMutablePointer<Int>?
    let state: UnsafeMutablePointer<ModuleState>

    init(connection: PyObj? = nil, encoding: ClientEncoding = .latin1, doublesBackslashes: Bool = false) {
        self.connection = connection
        self.encoding = encoding
        self.doublesBackslashes = doublesBackslashes
        state = module
        direct = AdapterRegistry.direct(state)
    }

    /// Appends an object as a literal.
    func append(_ value: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        if try appendDirectly(value, to: &writer) { return }
        try appendAdapted(value, to: &writer)
    }

    /// Appends a value of a built-in type that has its built-in adapter.
    /// - Returns: whether it was such a value.
    @inline(__always)
    private func appendDirectly(_ value: PyObj, to writer: inout ByteWriter) throws(PythonError) -> Bool {
        let type = value.type
        if type == Python.str {
            guard direct.contains(.str) else { return false }
            try append(text: value, to: &writer)
        } else if type == Python.int {
            guard direct.contains(.int) else { return false }
            try append(integer: value, to: &writer)
        } else if value.isNone {
            // Even if another adapter is registered for None, because programs expect None to be NULL.
            writer.append("NULL")
        } else if type == Python.float {
            guard direct.contains(.float) else { return false }
            try append(float: value.floatValue, to: &writer)
        } else if type == Python.bool {
            guard direct.contains(.bool) else { return false }
            writer.append(value.isTrueObject ? "true" : "false")
        } else {
            return try appendRarer(value, type, to: &writer)
        }
        return true
    }

    @inline(never)
    private func appendRarer(_ value: PyObj, _ type: PyObj, to writer: inout ByteWriter) throws(PythonError) -> Bool {
        if type == state.pointee.datetime {
            guard direct.contains(.datetime) else { return false }
            try append(timestamp: value, to: &writer)
        } else if type == state.pointee.decimal {
            guard direct.contains(.decimal) else { return false }
            try append(decimal: value, to: &writer)
        } else if type == state.pointee.date {
            guard direct.contains(.date) else { return false }
            append(date: value, to: &writer)
        } else if type == Python.bytes {
            guard direct.contains(.bytes) else { return false }
            append(binary: value.bytes, to: &writer)
        } else if type == Python.list {
            guard direct.contains(.list) else { return false }
            try append(list: value, to: &writer)
        } else if type == Python.tuple {
            guard direct.contains(.tuple) else { return false }
            try append(sequence: value, to: &writer)
        } else if type == state.pointee.timedelta {
            guard direct.contains(.timedelta) else { return false }
            append(interval: value, to: &writer)
        } else if type == state.pointee.time {
            guard direct.contains(.time) else { return false }
            try append(time: value, to: &writer)
        } else if (type == Python.memoryview && direct.contains(.memoryview))
            || (type == Python.bytearray && direct.contains(.bytearray))
        {
            try append(buffer: value, to: &writer)
        } else {
            return false
        }
        return true
    }

    /// Appends the literal of an adapter object: calls `prepare(connection)`, if the adapter has it, and then
    /// `getquoted()`.
    @inline(never)
    func appendAdapted(_ value: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        if let adaptations { adaptations.pointee &+= 1 }
        let adapter = try AdapterRegistry.adapt(value, to: state.pointee.isqlQuote)
        if let connection {
            if let prepare = try? adapter.object.attribute(state.pointee.namePrepare) {
                _ = try prepare.object.call(connection)
            } else if PendingException.isInstance(of: Python.attributeError) {
                PendingException.clear()
            } else {
                throw PythonError()
            }
        }
        // `AsIs` is inserted verbatim, so it is encoded here, because its getquoted() does not know the connection's
        // encoding.
        if encoding.kind != .utf8, adapter.object.type == state.pointee.asIs,
            let adapted = adapter.object.fields(apus_adapter.self).pointee.adapted, !adapted.isNone
        {
            let keeper = PyRef(retaining: adapted)
            let text = try keeper.object.str()
            let encoded = try encoding.encode(text.object)
            writer.append(encoded.bytes)
            return
        }
        let quoted = try adapter.object.callMethod(state.pointee.nameGetquoted)
        if quoted.object.isBytes {
            writer.append(quoted.object.bytes)
            return
        }
        // Adapters written for Python 2 return text.
        guard quoted.object.isStr else {
            throw raiseValueError(
                "getquoted() of \(adapter.object.typeName) must return bytes, not \(quoted.object.shownType)")
        }
        let encoded = try encoding.encode(quoted.object)
        writer.append(encoded.bytes)
    }
}
