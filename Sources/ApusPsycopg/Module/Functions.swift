import CApusPython

extension Module {
    nonisolated(unsafe) static let functions: UnsafeMutablePointer<PyMethodDef> = permanent(
        DateConstructors.functions + [
            .fast("adapt", "adapt(obj, protocol=ISQLQuote, alternate=None) -> an adapter of obj to the protocol") {
                _, positional, count, keywords in
                answer { () throws(Raised) in
                    let given = try Arguments("adapt", ["obj", "proto", "alt"], required: 1, positional, count, keywords)
                    return try AdapterRegistry.adapt(
                        given.required(0), to: given[1] ?? module.pointee.isqlQuote, or: given.unlessNone(2))
                }
            },
            .fast("new_type", "new_type(oids, name, castobj) -> a new typecaster") { _, positional, count, keywords in
                answer { () throws(Raised) in
                    try Typecaster.makeNew(
                        Arguments("new_type", ["values", "name", "castobj"], required: 2, positional, count, keywords))
                }
            },
            .fast("new_array_type", "new_array_type(oids, name, baseobj) -> a new typecaster of arrays") {
                _, positional, count, keywords in
                answer { () throws(Raised) in
                    try Typecaster.makeNewArray(
                        Arguments("new_array_type", ["values", "name", "baseobj"], required: 3, positional, count, keywords))
                }
            },
        ], end: .end)
}
func makeConnections(_ state: UnsafeMutablePointer<ModuleState>, in object: PyObj) throws(Raised) {}
func quoting(for connection: PyObj) throws(Raised) -> Quoting { Quoting() }
func decodingContext(of cursor: PyObj?) throws(Raised) -> Decoding { try Decoding(encoding: .utf8, cursor: cursor, tzinfoFactory: nil) }
