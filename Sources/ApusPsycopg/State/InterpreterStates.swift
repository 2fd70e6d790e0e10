import ApusPython

/// The module's state in the interpreter that runs.
///
/// The first interpreter that imported the module is remembered here; the states of others are looked up.
var module: UnsafeMutablePointer<ModuleState> {
    @inline(__always) get {
        let interpreter = Python.interpreter
        if interpreter == InterpreterStates.interpreter, let state = InterpreterStates.state { return state }
        return InterpreterStates.state(of: interpreter)
    }
}

/// The module's state in each interpreter of the process. Read and changed under the GIL.
enum InterpreterStates {
    nonisolated(unsafe) fileprivate(set) static var interpreter: OpaquePointer?
    nonisolated(unsafe) fileprivate(set) static var state: UnsafeMutablePointer<ModuleState>?
    nonisolated(unsafe) private static var others: [OpaquePointer: UnsafeMutablePointer<ModuleState>] = [:]
    /// Used when no module is left, because an object that is collected late must not read freed memory.
    nonisolated(unsafe) private static let placeholder: UnsafeMutablePointer<ModuleState> = {
        let state = UnsafeMutablePointer<ModuleState>.allocate(capacity: 1)
        for index in ModuleState.references(state).indices {
            (UnsafeMutableRawPointer(state).assumingMemoryBound(to: PyObj?.self) + index).initialize(to: Python.none)
        }
        return state
    }()

    @inline(never)
    static func state(of interpreter: OpaquePointer?) -> UnsafeMutablePointer<ModuleState> {
        interpreter.flatMap { others[$0] } ?? placeholder
    }

    static func register(_ state: UnsafeMutablePointer<ModuleState>) {
        guard let current = Python.interpreter else { return }
        if interpreter == nil || interpreter == current {
            interpreter = current
            InterpreterStates.state = state
        } else {
            others[current] = state
        }
    }

    static func unregister(_ state: UnsafeMutablePointer<ModuleState>) {
        if InterpreterStates.state == state {
            interpreter = nil
            InterpreterStates.state = nil
        }
        others = others.filter { $0.value != state }
    }
}
