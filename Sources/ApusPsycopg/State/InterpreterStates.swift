import ApusPython

/// The state of the module in the current interpreter.
///
/// The state in the first interpreter that imported the module is found by one comparison; those of other interpreters
/// are looked up in a dictionary.
var module: UnsafeMutablePointer<ModuleState> {
    @inline(__always) get {
        let interpreter = Python.interpreter
        if interpreter == InterpreterStates.interpreter, let state = InterpreterStates.state { return state }
        return InterpreterStates.state(of: interpreter)
    }
}

/// The state of the module in each interpreter of the process. Used under the GIL.
enum InterpreterStates {
    nonisolated(unsafe) fileprivate(set) static var interpreter: OpaquePointer?
    nonisolated(unsafe) fileprivate(set) static var state: UnsafeMutablePointer<ModuleState>?
    nonisolated(unsafe) private static var others: [OpaquePointer: UnsafeMutablePointer<ModuleState>] = [:]
    /// Used when the module has been freed, because objects that are collected later must not read freed memory.
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
