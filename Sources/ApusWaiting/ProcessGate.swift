import CApusSystem

/// A gate that closes while the process forks and when it ends, because the state that connections share in libpq's
/// libraries (OpenSSL, Kerberos) survives neither. See gate.h.
///
/// A thread is inside while it opens a connection and while it calls libpq for an encrypted one, but never while it
/// waits for a server. A thread that enters while another one forks waits; once the process ends, it waits for ever.
public enum ProcessGate {
    /// Makes forks wait for the threads inside, from the first use of this property on.
    static let watchesForks = apus_gate_watch_forks() == 0

    /// Enters the gate; waits while it is closed. A thread may enter several times, and must leave as often.
    @inlinable
    public static func enter() { apus_gate_enter() }

    /// Leaves the gate.
    @inlinable
    public static func leave() { apus_gate_leave() }

    /// Runs `body`, which may block, outside of the gate, however often the thread has entered.
    public static func outside<Result>(_ body: () -> Result) -> Result {
        let depth = apus_gate_step_out()
        defer { apus_gate_return(depth) }
        return body()
    }

    /// Makes the end of the process wait for the threads inside before it runs the exit handlers that are registered by
    /// now.
    public static func watchExit() { apus_gate_watch_exit() }
}
