import ApusPQ

/// What a connect does after an attempt failed.
enum FailureAction: Equatable {
    /// The connect fails with this error, because every node would answer the same.
    case raise
    /// The place is not dropped, because another of its addresses is tried.
    case tryOtherAddress
    /// The place is dropped, and perhaps put into quarantine.
    case leave(quarantine: Bool)

    /// What the connect uses the place of the attempt for.
    enum Role: CaseIterable {
        case node, contactPoint, source
    }

    /// - Parameter hasOtherAddress: whether another address of the place is being tried, or still to be tried.
    init(_ reason: ConnectFailure.Reason, at role: Role, hasOtherAddress: Bool) {
        switch reason {
        case .rejected, .invalidOptions, .system:
            self = .raise
        case .unreachable, .timedOut, .unavailable:
            // A contact point that is tried for a session is on no list, so it cannot be in quarantine.
            self = hasOtherAddress ? .tryOtherAddress : .leave(quarantine: role != .contactPoint)
        case .overloaded, .unsuitable:
            // The server answered. It is the same one at all addresses, and it is up.
            self = .leave(quarantine: false)
        }
    }
}
