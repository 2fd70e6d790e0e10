import ApusPQ

/// What the server says unasked, on its way to the program.
extension ConnectionCore {
    /// One thing that the observer is told.
    enum News {
        case notice(ServerMessage)
        case notification(PQNotification)
        case loss(ApusError)
    }

    /// Takes the notices and notifications that libpq holds.
    func gather(_ state: inout State, _ effects: inout Effects) {
        // Notifications first: libpq finds the notices among the bytes that it has read when it is asked for these.
        while let notification = state.session?.connection.takeNotification() {
            report(.notification(notification), &state, &effects)
        }
        guard state.session?.connection.hasNotices == true else { return }
        let notices = state.session?.connection.takeNotices() ?? []
        state.lastWords = notices.last(where: Self.endsTheSession) ?? state.lastWords
        for notice in notices { report(.notice(notice), &state, &effects) }
    }

    static func endsTheSession(_ message: ServerMessage) -> Bool {
        let severity = message.severityNonlocalized ?? message.severity
        return severity == "FATAL" || severity == "PANIC"
    }

    func report(_ news: News, _ state: inout State, _ effects: inout Effects) {
        state.news.append(news)
        effects.hasNews = true
    }

    /// Tells the observer, without the lock. Several threads may have read something: one of them tells it all, so that
    /// the order stays that of the server.
    func tell() {
        var isOurTurn = false
        while true {
            let news = state.withLock { state -> ArraySlice<News> in
                if state.isTelling, !isOurTurn { return [] }
                isOurTurn = true
                state.isTelling = !state.news.isEmpty
                return state.news.removeAll()
            }
            if news.isEmpty { return }
            for item in news {
                switch item {
                case .notice(let notice): observer.received(notice)
                case .notification(let notification): observer.received(notification)
                case .loss(let error): observer.lost(error)
                }
            }
        }
    }
}
