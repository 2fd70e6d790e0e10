import Foundation
import Testing

@testable import ApusWaiting

/// A real fork, from a thread that has used the lock before.
@Suite("A lock in a fork's child")
struct ForkSafeMutexTests {
    private final class Counter: Sendable {
        let value = ForkSafeMutex(0)

        /// Counts on this many threads at once, including the present one, with C's threads only, because a fork's
        /// child has no others.
        func count(threads: Int) -> Int {
            var others: [pthread_t] = []
            for _ in 1..<threads {
                #if canImport(Darwin)
                var thread: pthread_t?
                #else
                var thread = pthread_t()
                #endif
                let context = Unmanaged.passUnretained(self).toOpaque()
                pthread_create(
                    &thread, nil,
                    { context in
                        #if canImport(Darwin)
                        Unmanaged<Counter>.fromOpaque(context).takeUnretainedValue().count()
                        #else
                        if let context { Unmanaged<Counter>.fromOpaque(context).takeUnretainedValue().count() }
                        #endif
                        return nil
                    }, context)
                #if canImport(Darwin)
                if let thread { others.append(thread) }
                #else
                others.append(thread)
                #endif
            }
            count()
            for thread in others { pthread_join(thread, nil) }
            return value.withLock { $0 }
        }

        private func count() {
            for _ in 0..<200_000 { value.withLock { $0 += 1 } }
        }
    }

    @Test("Threads of the child contend for it")
    func contention() throws {
        let symbol = try #require(dlsym(nil, "fork"), "Swift does not let fork() be called by name")
        let fork = unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)
        #expect(Counter().count(threads: 4) == 800_000)
        let counter = Counter()
        counter.value.withLock { $0 = 1 }
        let child = fork()
        if child == 0 {
            alarm(60)
            _exit(counter.count(threads: 4) == 800_001 ? 7 : 1)
        }
        var status: Int32 = 0
        #expect(waitpid(child, &status, 0) == child)
        #expect(status == 7 << 8, "it ended by itself, with what it should have counted")
    }
}
