import ApusPQ

/// What a connect does after an attempt failed.
enum FailureAction: Equatable {
    /// Every node would say the same: the connect fails with this error.
    case raise
    /// The place may be reached at another of its addresses.
    case tryOtherAddress
    /// The place is left, in quarantine or not.
    case leave(quarantine: Bool)

    /// What the place of the attempt is to the connect.
    enum Role: CaseIterable {
        case node, contactPoint, source
    }

    /// - Parameter hasOtherAddress: whether another address of the place is being tried, or still to be tried.
    init(_ reason: ConnectFailure.Reason, at role: Role, hasOtherAddress: Bool) {
        switch reason {
        case .rejected, .invalidOptions, .system:
            self = .raise
        case .unreachable, .timedOut, .unavailable:
            // A contact point that is tried for a session is on no list, and there is nothing to keep it from.
            self = hasOtherAddress ? .tryOtherAddress : .leave(quarantine: role != .contactPoint)
        case .overloaded, .unsuitable:
            // The server answered: it is the same one behind all addresses, and it is well.
            self = .leave(quarantine: false)
        }
    }
}
