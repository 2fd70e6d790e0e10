import CApusSystem

/// A gate that closes while the process forks and when it ends, because the state that connections share in libpq's
/// libraries (OpenSSL, Kerberos) survives neither: see gate.h.
///
/// A thread is inside while it opens a connection, and while it calls libpq for an encrypted one. It never waits there.
/// While another thread forks, a thread that wants to enter waits; once the process ends, it waits for good.
public enum ProcessGate {
    /// Makes forks wait for the threads inside, from its first use on.
    static let watchesForks = apus_gate_watch_forks() == 0

    /// Enters; waits while the gate is closed. A thread may enter several times, and leaves as often.
    @inlinable
    public static func enter() { apus_gate_enter() }

    @inlinable
    public static func leave() { apus_gate_leave() }

    /// Runs `body`, which may block or take long, outside, however often the thread has entered.
    public static func outside<Result>(_ body: () -> Result) -> Result {
        let depth = apus_gate_step_out()
        defer { apus_gate_return(depth) }
        return body()
    }

    /// Makes the end of the process wait for the threads inside, before it runs the exit handlers that are registered
    /// by now.
    public static func watchExit() { apus_gate_watch_exit() }
}
