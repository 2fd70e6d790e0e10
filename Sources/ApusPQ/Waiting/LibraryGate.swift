import CApusLibPQ

/// A gate to what libpq shares between connections, OpenSSL and Kerberos: see gate.h.
///
/// A thread is inside while it opens a connection, and while it calls libpq for one that is encrypted. It does not wait
/// for anything there. Where it is not inside, a fork or the end of the process may come at any time: while another
/// thread forks, it waits at the gate; once the process ends, it waits there to the end.
public enum LibraryGate {
    /// A fork waits until the other threads have come out, from when this was first read.
    static let watchesForks = apus_gate_watch_forks() == 0
    /// So does the end of the process. To be read inside, as libpq's OpenSSL may be initialized here.
    private static let watchesExit: Bool = {
        apus_gate_watch_exit()
        return true
    }()
    /// The same once more, after libpq has opened its first connection: whatever it was linked to is initialized then.
    private static let watchesExitAgain: Bool = {
        apus_gate_watch_exit()
        return true
    }()

    /// Makes the end of the process wait.
    static func watchExit(again: Bool) { _ = again ? watchesExitAgain : watchesExit }

    // Not inlined, because there must be one gate: its state is one per object file.

    /// Goes in; waits while the gate is shut. A thread may go in several times, and comes out as often.
    @inline(never)
    public static func enter() { apus_gate_enter() }

    @inline(never)
    public static func leave() { apus_gate_leave() }

    /// Runs what may block or take long outside, wherever the thread is.
    @inline(never)
    static func outside<Result>(_ body: () -> Result) -> Result {
        let depth = apus_gate_step_out()
        defer { apus_gate_return(depth) }
        return body()
    }
}
