/// An object that a loop calls at a moment.
protocol TimerTarget: AnyObject, Sendable {
    /// Called on the loop's thread, at the moment or later.
    func timerFired(_ now: Duration)
}

/// The timers of a loop, earliest first. A target that was deallocated is skipped, so that no timer must be removed.
struct TimerHeap {
    private struct Entry {
        var moment: Duration
        weak var target: (any TimerTarget)?
    }
    private var entries: [Entry] = []

    /// The earliest moment.
    var earliest: Duration? { entries.first?.moment }

    mutating func insert(_ target: any TimerTarget, at moment: Duration) {
        entries.append(Entry(moment: moment, target: target))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if entries[parent].moment <= entries[child].moment { return }
            entries.swapAt(parent, child)
            child = parent
        }
    }

    /// Removes and returns the targets whose moments have come.
    mutating func removeDue(_ now: Duration) -> [any TimerTarget] {
        var due: [any TimerTarget] = []
        while let first = entries.first, first.moment <= now {
            if let target = first.target { due.append(target) }
            removeFirst()
        }
        return due
    }

    private mutating func removeFirst() {
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < entries.count && entries[child].moment < entries[least].moment {
                least = child
            }
            if least == parent { return }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
