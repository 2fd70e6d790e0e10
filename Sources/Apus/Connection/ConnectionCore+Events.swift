import ApusPQ

/// Messages that the server sends unasked: how they reach the program.
extension ConnectionCore {
    /// Something that the observer receives.
    enum Event {
        case notice(ServerMessage)
        case notification(PQNotification)
        case loss(ApusError)
    }

    /// Collects the notices and notifications that libpq holds.
    func collectEvents(_ state: inout State, _ effects: inout Effects) {
        // Notifications first: while libpq looks for these, it also finds the notices among the bytes that it has read.
        while let notification = state.session?.connection.takeNotification() {
            append(.notification(notification), &state, &effects)
        }
        guard state.session?.connection.hasNotices == true else { return }
        let notices = state.session?.connection.takeNotices() ?? []
        state.fatalMessage = notices.last(where: Self.isFatal) ?? state.fatalMessage
        for notice in notices { append(.notice(notice), &state, &effects) }
    }

    /// Whether the server ends the session after this message.
    static func isFatal(_ message: ServerMessage) -> Bool {
        let severity = message.severityNonlocalized ?? message.severity
        return severity == "FATAL" || severity == "PANIC"
    }

    func append(_ event: Event, _ state: inout State, _ effects: inout Effects) {
        state.events.append(event)
        effects.hasEvents = true
    }

    /// Passes the events to the observer, without the lock. If several threads have read some, one of them passes them
    /// all, so that their order is the server's.
    func reportEvents() {
        var isOurTurn = false
        while true {
            let events = state.withLock { state -> ArraySlice<Event> in
                if state.isReporting, !isOurTurn { return [] }
                isOurTurn = true
                state.isReporting = !state.events.isEmpty
                return state.events.removeAll()
            }
            if events.isEmpty { return }
            for event in events {
                switch event {
                case .notice(let notice): observer.received(notice)
                case .notification(let notification): observer.received(notification)
                case .loss(let error): observer.connectionLost(error)
                }
            }
        }
    }
}
