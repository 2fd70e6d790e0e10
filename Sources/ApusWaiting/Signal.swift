import CApusSystem

/// A descriptor that becomes readable when raised, and stays so: any number of waiters may wait for it, and one who
/// comes late does not wait at all.
public final class Signal: Sendable {
    /// What to wait for, for reading.
    public let descriptor: Int32
    private let writeEnd: Int32

    public init() throws(SystemError) {
        var ends: (Int32, Int32) = (-1, -1)
        if apus_signal_create(&ends.0, &ends.1) < 0 { throw SystemError("cannot create a signal") }
        (descriptor, writeEnd) = ends
    }

    deinit {
        close(descriptor)
        if writeEnd != descriptor { close(writeEnd) }
    }

    /// Wakes all who wait, now and later.
    public func raise() { _ = apus_signal_raise(writeEnd) }

    /// Makes the signal wait for the next ``raise()``.
    public func clear() { apus_signal_clear(descriptor) }
}
