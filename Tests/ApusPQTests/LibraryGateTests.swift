import Foundation
import Synchronization
import Testing

@testable import ApusPQ

/// The gate that keeps forks and the end of the process away from threads that are in OpenSSL. Each test ends a process
/// of its own, and its exit status is what is looked at.
@Suite("The gate to the libraries")
struct LibraryGateTests {
    @Test("The end of the process waits for a thread that is inside")
    func exitWaits() async {
        await #expect(processExitsWith: .exitCode(7)) {
            try LibraryGateTests.enter { _ in
                usleep(300_000)
                _exit(7)
            }
            exit(1)
        }
    }

    @Test("It goes on when the thread has come out, in name resolution as well")
    func exitGoesOn() async {
        await #expect(processExitsWith: .exitCode(1)) {
            try LibraryGateTests.enter { _ in
                usleep(100_000)
                LibraryGate.outside { usleep(2_000_000) }
                _exit(7)
            }
            exit(1)
        }
    }

    @Test("After that no thread comes in, but the one that ends the process may")
    func exitShuts() async {
        await #expect(processExitsWith: .exitCode(9)) {
            // What is registered first runs last.
            atexit {
                LibraryGate.enter()
                LibraryGate.leave()
                LibraryGateTests.late.raise()
                usleep(300_000)
                _exit(9)
            }
            LibraryGate.watchExit(again: false)
            _ = ApusPQ.Thread.detach {
                _ = BlockingWaiter.wait(for: Wait(descriptor: LibraryGateTests.late.descriptor, interest: .read))
                LibraryGate.enter()
                _exit(7)
            }
            exit(1)
        }
    }

    @Test("A fork waits for a thread that is inside, and the child finds the gate open")
    func forkWaits() async {
        await #expect(processExitsWith: .exitCode(7)) {
            _ = ForkGeneration.current
            try LibraryGateTests.enter { hasLeft in
                LibraryGate.enter()
                usleep(300_000)
                hasLeft.value.store(true, ordering: .sequentiallyConsistent)
                LibraryGate.leave()
                LibraryGate.leave()
            }
            let fork = unsafeBitCast(dlsym(nil, "fork"), to: (@convention(c) () -> pid_t).self)
            let child = fork()
            if child == 0 {
                alarm(60)
                LibraryGate.enter()
                LibraryGate.leave()
                _exit(LibraryGateTests.hasLeft.value.load(ordering: .sequentiallyConsistent) ? 7 : 1)
            }
            var status: Int32 = 0
            waitpid(child, &status, 0)
            LibraryGate.enter()
            _exit((status >> 8) & 0xFF)
        }
    }

    final class Flag: Sendable { let value = Atomic(false) }
    static let hasLeft = Flag()
    /// What a thread waits for that comes too late.
    static let late: Signal = {
        guard let signal = try? Signal() else { _exit(2) }
        return signal
    }()

    /// Runs a body on a thread that is inside; returns when it is.
    @Sendable static func enter(_ body: @escaping @Sendable (Flag) -> Void) throws {
        LibraryGate.watchExit(again: false)
        let isInside = try Signal()
        _ = ApusPQ.Thread.detach {
            LibraryGate.enter()
            isInside.raise()
            body(hasLeft)
        }
        _ = BlockingWaiter.wait(for: Wait(descriptor: isInside.descriptor, interest: .read))
    }
}
