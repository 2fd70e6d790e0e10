import ApusWaiting
import Synchronization
import Testing

@testable import ApusSessions

@Suite("The lock of a connection that threads share")
struct ConnectionLockTests {
    /// Long enough for any machine. A wake-up that is lost shows as a wait that ends by it.
    private static let long = Duration.seconds(20)

    /// Two plain numbers, which differ or lose counts if two threads change them at once.
    private final class Counts: @unchecked Sendable {
        var first = 0
        var second = 0

        func add() {
            let seen = first
            first = seen &+ 1
            second = seen &+ 1
        }
    }

    @Test("A lock is taken, refused, and taken again after unlock()")
    func alone() {
        let lock = ConnectionLock()
        #expect(lock.lock(within: .zero) == .locked)
        #expect(!lock.tryLock(), "not even by the thread that holds it")
        lock.unlock()
        #expect(lock.tryLock())
        lock.unlock()
        lock.lock()
        #expect(!lock.tryLock())
        lock.unlock()
        #expect(lock.lock(within: Self.long) == .locked)
        lock.unlock()
    }

    @Test("The thread that holds the lock does not wait for it")
    func alreadyMine() {
        let lock = ConnectionLock()
        let before = Monotonic.now
        #expect(lock.lock(within: Self.long) == .locked)
        #expect(lock.lock(within: Self.long) == .alreadyHeld)
        #expect(lock.lock(within: .zero) == .alreadyHeld)
        lock.unlock()
        #expect(lock.tryLock())
        #expect(lock.lock(within: Self.long) == .alreadyHeld)
        lock.unlock()
        #expect(lock.lock(within: .zero) == .locked, "one unlock() is enough")
        lock.unlock()
        #expect(Monotonic.now - before < Self.long)
    }

    @Test("A wait ends when its time is over, not before, and the lock stays with its holder")
    func timeIsOver() {
        let lock = ConnectionLock()
        #expect(lock.lock(within: .zero) == .locked)
        onThreads(3) { _ in
            for time in [Duration.milliseconds(20), .zero, .seconds(-1)] {
                let before = Monotonic.now
                #expect(lock.lock(within: time) == .timedOut)
                #expect(Monotonic.now - before >= time)
                #expect(!lock.tryLock())
            }
        }
        #expect(lock.waiting.load(ordering: .relaxed) == 0)
        #expect(lock.lock(within: .zero) == .alreadyHeld)
        lock.unlock()
        onThreads(1) { _ in
            #expect(lock.lock(within: .zero) == .locked)
            lock.unlock()
        }
    }

    @Test("A lock that was taken for a moment records no thread, so that its own thread waits for it too")
    func anonymous() {
        let lock = ConnectionLock()
        lock.lock()
        #expect(lock.lock(within: .milliseconds(1)) == .timedOut)
        lock.unlock()
    }

    @Test("Threads that lock in all ways at once never hold the lock together")
    func exclusion() {
        let lock = ConnectionLock()
        let counts = Counts()
        let failures = Atomic<Int>(0)
        let (threads, rounds) = (6, 5_000)
        onThreads(threads) { thread in
            for round in 0..<rounds {
                switch (thread &+ round) % 3 {
                case 0: lock.lock()
                case 1:
                    if lock.lock(within: Self.long) != .locked {
                        failures.add(1, ordering: .relaxed)
                        return
                    }
                default:
                    while !lock.tryLock() { sched_yield() }
                }
                counts.add()
                if counts.first != counts.second { failures.add(1, ordering: .relaxed) }
                lock.unlock()
            }
        }
        #expect(failures.load(ordering: .relaxed) == 0)
        #expect(counts.first == threads * rounds)
        #expect(lock.waiting.load(ordering: .relaxed) == 0)
        #expect(lock.owner.load(ordering: .relaxed) == 0)
    }

    @Test("No wake-up is lost: each unlock() has a waiter, which gets the lock")
    func handingOver() {
        let lock = ConnectionLock()
        let counts = Counts()
        let failures = Atomic<Int>(0)
        let ended = Atomic<Int>(0)
        let (threads, rounds) = (2, 10_000)
        let deadline = Monotonic.now + Self.long
        onThreads(threads) { _ in
            defer { ended.add(1, ordering: .relaxed) }
            for _ in 0..<rounds {
                if lock.lock(within: Self.long) != .locked {
                    failures.add(1, ordering: .relaxed)
                    return
                }
                counts.add()
                // Until the other thread waits for the lock, or is about to.
                while lock.waiting.load(ordering: .relaxed) == 0, ended.load(ordering: .relaxed) == 0 {
                    if Monotonic.now > deadline {
                        failures.add(1, ordering: .relaxed)
                        lock.unlock()
                        return
                    }
                    sched_yield()
                }
                lock.unlock()
            }
        }
        #expect(failures.load(ordering: .relaxed) == 0)
        #expect(counts.first == threads * rounds)
    }

    @Test("Waits that end by their time take no wake-up from those that go on")
    func impatientWaiters() {
        let lock = ConnectionLock()
        let counts = Counts()
        let failures = Atomic<Int>(0)
        let taken = Atomic<Int>(0)
        let rounds = 3_000
        onThreads(6) { thread in
            var random = SeededGenerator(seed: UInt64(thread))
            for _ in 0..<rounds {
                let isPatient = thread < 2
                let time = isPatient ? Self.long : .microseconds(Int.random(in: 0...80, using: &random))
                switch lock.lock(within: time) {
                case .locked:
                    counts.add()
                    taken.add(1, ordering: .relaxed)
                    if thread % 2 == 0 { sched_yield() }
                    lock.unlock()
                case .alreadyHeld: failures.add(1, ordering: .relaxed)
                case .timedOut:
                    if isPatient {
                        failures.add(1, ordering: .relaxed)
                        return
                    }
                }
            }
        }
        #expect(failures.load(ordering: .relaxed) == 0)
        #expect(counts.first == taken.load(ordering: .relaxed))
        #expect(counts.first >= 2 * rounds)
        #expect(lock.waiting.load(ordering: .relaxed) == 0)
    }

    @Test("Many threads that wait for one unlock() get the lock one after the other")
    func queue() {
        let lock = ConnectionLock()
        let counts = Counts()
        let failures = Atomic<Int>(0)
        let (threads, rounds) = (8, 50)
        for _ in 0..<rounds where failures.load(ordering: .relaxed) == 0 {
            lock.lock()
            onThreads(threads + 1) { thread in
                if thread == threads {
                    let deadline = Monotonic.now + Self.long
                    while lock.waiting.load(ordering: .relaxed) < threads, Monotonic.now < deadline { sched_yield() }
                    lock.unlock()
                    return
                }
                if lock.lock(within: Self.long) != .locked {
                    failures.add(1, ordering: .relaxed)
                    return
                }
                counts.add()
                lock.unlock()
            }
        }
        #expect(counts.first == threads * rounds)
        #expect(failures.load(ordering: .relaxed) == 0)
    }

    @Test("In a fork's child the lock of a thread that is not there is not waited for, and adopt() frees it")
    func inAChild() {
        let lock = ConnectionLock()
        lock.owner.store(99, ordering: .relaxed)
        lock.waiting.store(3, ordering: .relaxed)
        // The process is not forked here: the lock belongs to another one.
        withUnsafeMutableBytes(of: &lock.generation) { $0.storeBytes(of: -1, as: Int32.self) }
        #expect(!lock.generation.isOurs)
        let before = Monotonic.now
        #expect(lock.lock(within: Self.long) == .timedOut)
        lock.lock()
        #expect(!lock.tryLock())
        // A thread that is counted as waiting is not woken.
        lock.unlock()
        #expect(lock.tryLock())
        #expect(lock.lock(within: Self.long) == .alreadyHeld)
        lock.owner.store(99, ordering: .relaxed)

        lock.resetAfterFork()
        #expect(lock.generation.isOurs)
        #expect(lock.waiting.load(ordering: .relaxed) == 0)
        #expect(lock.lock(within: .zero) == .locked)
        lock.resetAfterFork()
        #expect(!lock.tryLock(), "adopt() leaves the lock of this process as it is")
        lock.unlock()
        #expect(Monotonic.now - before < Self.long)
    }
}
