import ApusWaiting
import CApusLibPQ

/// Makes the exit of the process wait for threads that are inside libpq's libraries, because exit() frees the state of
/// OpenSSL while they use it.
///
/// exit() calls its handlers in the reverse order of their registration, so the gate's handler must be registered after
/// OpenSSL's, which OpenSSL registers when it is first initialized.
enum LibraryExit {
    private static let isWatchedBeforeConnecting: Bool = {
        apus_initialize_openssl()
        ProcessGate.watchExit()
        return true
    }()
    /// Registered again after libpq has opened its first connection, because all libraries are initialized then.
    private static let isWatchedAfterConnecting: Bool = {
        ProcessGate.watchExit()
        return true
    }()

    /// Registers the gate's handler, once per process. The calling thread must be inside the gate.
    static func watchBeforeConnecting() { _ = isWatchedBeforeConnecting }
    /// Registers it again when the first connection is open.
    static func watchAfterConnecting() { _ = isWatchedAfterConnecting }
}
