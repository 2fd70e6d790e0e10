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
        ], end: .end)
}
func makeTypecasters(_ state: UnsafeMutablePointer<ModuleState>, in object: PyObj) throws(Raised) {}
func makeConnections(_ state: UnsafeMutablePointer<ModuleState>, in object: PyObj) throws(Raised) {}
func quoting(for connection: PyObj) throws(Raised) -> Quoting { Quoting() }
