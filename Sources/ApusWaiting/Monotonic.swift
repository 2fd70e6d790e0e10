/// The clock of all deadlines. It never jumps. Its origin is arbitrary, so only differences have a meaning.
public enum Monotonic {
    /// Nanoseconds since the clock's origin.
    public static var nanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// Time since the clock's origin.
    public static var now: Duration { .nanoseconds(nanoseconds) }

    /// The moment that is `time` from now. A time of more than 292 years counts as 292 years, because adding a
    /// `Duration` of any length to ``now`` may overflow.
    public static func moment(after time: Duration) -> Duration { now + .nanoseconds(time.clampedNanoseconds) }
}

extension Duration {
    /// The whole nanoseconds of this duration, clamped to what `Int64` holds (292 years).
    public var clampedNanoseconds: Int64 {
        // `components` would trap for a duration of more seconds than Int64 can hold.
        Int64(clamping: attoseconds / 1_000_000_000)
    }

    /// Milliseconds for `poll(2)`: rounded up, so that a wait does not end before its deadline, and not negative.
    var pollMilliseconds: Int32 {
        let nanoseconds = clampedNanoseconds
        if nanoseconds <= 0 { return 0 }
        let milliseconds = nanoseconds / 1_000_000 + (nanoseconds % 1_000_000 > 0 ? 1 : 0)
        return Int32(clamping: milliseconds)
    }
}
