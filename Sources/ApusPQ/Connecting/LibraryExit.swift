import ApusWaiting
import CApusLibPQ

/// Makes the end of the process wait for threads that are inside libpq's libraries, because exit() frees the state of
/// OpenSSL under them.
///
/// exit() calls its handlers in the reverse order of their registration, so the gate's has to be registered after
/// OpenSSL's own, which OpenSSL registers when it is first initialized.
enum LibraryExit {
    private static let isWatchedBeforeConnecting: Bool = {
        apus_initialize_openssl()
        ProcessGate.watchExit()
        return true
    }()
    /// Once more after libpq has opened its first connection: by then all libraries that it uses are initialized.
    private static let isWatchedAfterConnecting: Bool = {
        ProcessGate.watchExit()
        return true
    }()

    /// Registers the gate's handler; to be called by a thread inside the gate.
    static func watchBeforeConnecting() { _ = isWatchedBeforeConnecting }
    static func watchAfterConnecting() { _ = isWatchedAfterConnecting }
}
