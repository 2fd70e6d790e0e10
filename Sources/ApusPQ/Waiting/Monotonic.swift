#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The clock that deadlines are on: it never jumps. Its origin means nothing; only differences do.
public enum Monotonic {
    /// Nanoseconds since the clock's origin.
    public static var nanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// Time since the clock's origin.
    public static var now: Duration { .nanoseconds(nanoseconds) }

    /// The moment that comes after a duration from now. A duration that a program gave may be too long to be added; 292
    /// years are as good as any longer time.
    public static func moment(after duration: Duration) -> Duration { now + min(duration, .nanoseconds(Int64.max)) }
}

extension Duration {
    /// The whole nanoseconds of this duration, clamped to what `Int64` holds (292 years).
    public var clampedNanoseconds: Int64 {
        // `components` traps where the seconds do not fit into an Int64.
        if self >= .nanoseconds(Int64.max) { return .max }
        if self <= .nanoseconds(Int64.min) { return .min }
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflows) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflows ? (seconds < 0 ? .min : .max) : sum
    }

    /// Milliseconds for `poll(2)`, rounded up so that a wait never ends before its deadline; never negative.
    var pollMilliseconds: Int32 {
        let nanoseconds = clampedNanoseconds
        if nanoseconds <= 0 { return 0 }
        let milliseconds = nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 > 0 ? 1 : 0)
        return Int32(clamping: milliseconds)
    }
}
