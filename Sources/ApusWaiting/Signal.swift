import CApusSystem

/// A descriptor that becomes readable when it is raised, and stays readable. Any number of waiters may wait for it, and
/// a later one does not wait at all.
public final class Signal: Sendable {
    /// What to wait for, for reading.
    public let descriptor: Int32
    private let writeEnd: Int32

    /// - Throws: ``SystemError`` if the process has no descriptor left.
    public init() throws(SystemError) {
        var ends: (Int32, Int32) = (-1, -1)
        if apus_signal_create(&ends.0, &ends.1) < 0 { throw SystemError("cannot create a signal") }
        (descriptor, writeEnd) = ends
    }

    deinit {
        close(descriptor)
        if writeEnd != descriptor { close(writeEnd) }
    }

    /// Ends all waits, present and later ones.
    public func raise() { _ = apus_signal_raise(writeEnd) }

    /// Makes later waits last until the next ``raise()``.
    public func clear() { apus_signal_clear(descriptor) }
}
