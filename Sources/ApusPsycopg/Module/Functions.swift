import CApusPython
extension Module {
    nonisolated(unsafe) static let functions = permanent([PyMethodDef](), end: .end)
}
func makeAdapters(_ state: UnsafeMutablePointer<ModuleState>, in object: PyObj) throws(Raised) {}
func makeTypecasters(_ state: UnsafeMutablePointer<ModuleState>, in object: PyObj) throws(Raised) {}
func makeConnections(_ state: UnsafeMutablePointer<ModuleState>, in object: PyObj) throws(Raised) {}
