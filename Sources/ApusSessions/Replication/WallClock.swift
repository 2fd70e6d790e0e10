import ApusWaiting

/// The time of day, for messages that contain it. Waits use ``Monotonic``.
public enum WallClock {
    /// The time in microseconds since 1970.
    public static var microseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000 &+ Int64(time.tv_nsec) / 1000
    }
}
