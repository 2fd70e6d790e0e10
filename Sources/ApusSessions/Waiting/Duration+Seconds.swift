import ApusWaiting

extension Duration {
    /// The duration in seconds, for messages, such as `2.5 s`.
    public var inSeconds: String {
        let seconds = Double(clampedNanoseconds) / 1e9
        return seconds == seconds.rounded() && seconds < 1e9 ? "\(Int(seconds)) s" : "\(seconds) s"
    }
}
