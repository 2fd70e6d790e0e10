import ApusValues
import CApusPython

/// Writes Python objects as SQL literals: what a connection has to say about it, gathered once per statement.
///
/// The connection is borrowed for the time of one statement: a cursor, an adapter or the caller keeps it.
struct Quoting {
    /// The Python connection, which adapters are prepared with; nil while there is none.
    var connection: PyObj?
    var encoding: ClientEncoding
    /// With `standard_conforming_strings` off, a backslash in a plain literal is an escape.
    var doublesBackslashes: Bool
    /// The types that need no adapter object.
    var direct: DirectTypes
    /// Counts the adapter objects that were asked, for a caller that wants to know; it outlives the quoting.
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
    func append(_ value: PyObj, to writer: inout ByteWriter) throws(Raised) {
        if try appendDirectly(value, to: &writer) { return }
        try appendAdapted(value, to: &writer)
    }

    /// Appends a value of a built-in type whose adapter is the built-in one.
    /// - Returns: whether it was such a value.
    @inline(__always)
    private func appendDirectly(_ value: PyObj, to writer: inout ByteWriter) throws(Raised) -> Bool {
        let type = apus_type_object(value)
        if type == apus_type_str() {
            guard direct.contains(.str) else { return false }
            try append(text: value, to: &writer)
        } else if type == apus_type_int() {
            guard direct.contains(.int) else { return false }
            try append(integer: value, to: &writer)
        } else if value == apus_none() {
            // Whatever is registered for it: programs count on None being NULL.
            writer.append("NULL")
        } else if type == apus_type_float() {
            guard direct.contains(.float) else { return false }
            try append(float: apus_float_value(value), to: &writer)
        } else if type == apus_type_bool() {
            guard direct.contains(.bool) else { return false }
            writer.append(value == apus_true() ? "true" : "false")
        } else {
            return try appendRarer(value, type, to: &writer)
        }
        return true
    }

    @inline(never)
    private func appendRarer(_ value: PyObj, _ type: PyObj, to writer: inout ByteWriter) throws(Raised) -> Bool {
        if type == state.pointee.datetime {
            guard direct.contains(.datetime) else { return false }
            try append(timestamp: value, to: &writer)
        } else if type == state.pointee.decimal {
            guard direct.contains(.decimal) else { return false }
            try append(decimal: value, to: &writer)
        } else if type == state.pointee.date {
            guard direct.contains(.date) else { return false }
            append(date: value, to: &writer)
        } else if type == apus_type_bytes() {
            guard direct.contains(.bytes) else { return false }
            append(
                binary: UnsafeRawBufferPointer(start: apus_bytes_data(value), count: apus_bytes_size(value)),
                to: &writer)
        } else if type == apus_type_list() {
            guard direct.contains(.list) else { return false }
            try append(list: value, to: &writer)
        } else if type == apus_type_tuple() {
            guard direct.contains(.tuple) else { return false }
            try append(sequence: value, to: &writer)
        } else if type == state.pointee.timedelta {
            guard direct.contains(.timedelta) else { return false }
            append(interval: value, to: &writer)
        } else if type == state.pointee.time {
            guard direct.contains(.time) else { return false }
            try append(time: value, to: &writer)
        } else if (type == apus_type_memoryview() && direct.contains(.memoryview))
            || (type == apus_type_bytearray() && direct.contains(.bytearray))
        {
            try append(buffer: value, to: &writer)
        } else {
            return false
        }
        return true
    }

    /// Appends what an adapter object makes of the value: `prepare(connection)` if it has that, then `getquoted()`.
    @inline(never)
    func appendAdapted(_ value: PyObj, to writer: inout ByteWriter) throws(Raised) {
        if let adaptations { adaptations.pointee &+= 1 }
        let adapter = try Owned(AdapterRegistry.adapt(value, to: state.pointee.isqlQuote))
        if let connection {
            if let prepare = PyObject_GetAttr(adapter.object, state.pointee.namePrepare) {
                let prepare = Owned(prepare)
                _ = try Owned(owned(apus_call1(prepare.object, connection)))
            } else if pending(is: apus_exc_attribute()) {
                PyErr_Clear()
            } else {
                throw Raised()
            }
        }
        // What stands as it is stands in the statement's encoding, which AsIs's own getquoted() does not know.
        if encoding.kind != .utf8, apus_type_object(adapter.object) == state.pointee.asIs,
            let adapted = adapter.object.fields(apus_adapter.self).pointee.adapted, !adapted.isNone
        {
            let keeper = Owned(adapted.retained())
            let text = try Owned(owned(PyObject_Str(keeper.object)))
            let (bytes, owner) = try encoding.encode(text.object)
            writer.append(bytes)
            owner.release()
            return
        }
        let quoted = try Owned(owned(apus_method0(adapter.object, state.pointee.nameGetquoted)))
        if apus_is_bytes(quoted.object) != 0 {
            writer.append(
                UnsafeRawBufferPointer(start: apus_bytes_data(quoted.object), count: apus_bytes_size(quoted.object)))
            return
        }
        // Adapters written for Python 2 answer with text.
        guard apus_is_str(quoted.object) != 0 else {
            throw raiseValueError(
                "getquoted() of \(adapter.object.typeName) must return bytes, not \(quoted.object.shownType)")
        }
        let (bytes, owner) = try encoding.encode(quoted.object)
        writer.append(bytes)
        owner.release()
    }
}
