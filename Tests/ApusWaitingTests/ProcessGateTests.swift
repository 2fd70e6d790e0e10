import ApusWaiting
import Foundation
import Synchronization
import Testing

@testable import ApusWaiting

/// The gate that makes forks and the exit of the process wait for threads that are in OpenSSL. Each test ends a process
/// of its own and checks its exit status. The sleeps give a gate that does not wait the time to be wrong: no question
/// tells that another thread is in exit() or fork().
@Suite("The gate to the libraries")
struct ProcessGateTests {
    @Test("The end of the process waits for a thread that is inside")
    func exitWaits() async {
        await #expect(processExitsWith: .exitCode(7)) {
            try ProcessGateTests.enter { _ in
                usleep(300_000)
                _exit(7)
            }
            exit(1)
        }
    }

    @Test("It continues when the thread has left, for name resolution as well")
    func exitGoesOn() async {
        await #expect(processExitsWith: .exitCode(1)) {
            try ProcessGateTests.enter { _ in
                usleep(100_000)
                ProcessGate.outside { usleep(2_000_000) }
                _exit(7)
            }
            exit(1)
        }
    }

    @Test("After that no thread comes in, but the one that ends the process may")
    func exitShuts() async {
        await #expect(processExitsWith: .exitCode(9)) {
            // The handler that is registered first runs last.
            atexit {
                ProcessGate.enter()
                ProcessGate.leave()
                ProcessGateTests.late.raise()
                usleep(300_000)
                _exit(9)
            }
            ProcessGate.watchExit()
            _ = ApusWaiting.Thread.detach {
                _ = BlockingWaiter.wait(for: Wait(descriptor: ProcessGateTests.late.descriptor, interest: .read))
                ProcessGate.enter()
                _exit(7)
            }
            exit(1)
        }
    }

    @Test("A fork waits for a thread that is inside, and the child finds the gate open")
    func forkWaits() async {
        await #expect(processExitsWith: .exitCode(7)) {
            _ = ForkGeneration.current
            try ProcessGateTests.enter { hasLeft in
                ProcessGate.enter()
                usleep(300_000)
                hasLeft.value.store(true, ordering: .sequentiallyConsistent)
                ProcessGate.leave()
                ProcessGate.leave()
            }
            let fork = unsafeBitCast(dlsym(nil, "fork"), to: (@convention(c) () -> pid_t).self)
            let child = fork()
            if child == 0 {
                alarm(60)
                ProcessGate.enter()
                ProcessGate.leave()
                _exit(ProcessGateTests.hasLeft.value.load(ordering: .sequentiallyConsistent) ? 7 : 1)
            }
            var status: Int32 = 0
            waitpid(child, &status, 0)
            ProcessGate.enter()
            _exit((status >> 8) & 0xFF)
        }
    }

    final class Flag: Sendable { let value = Atomic(false) }
    static let hasLeft = Flag()
    /// The signal for a thread that comes too late.
    static let late: Signal = {
        guard let signal = try? Signal() else { _exit(2) }
        return signal
    }()

    /// Runs a body on a thread that is inside; returns when the thread is inside.
    @Sendable static func enter(_ body: @escaping @Sendable (Flag) -> Void) throws {
        ProcessGate.watchExit()
        let isInside = try Signal()
        _ = ApusWaiting.Thread.detach {
            ProcessGate.enter()
            isInside.raise()
            body(hasLeft)
        }
        _ = BlockingWaiter.wait(for: Wait(descriptor: isInside.descriptor, interest: .read))
    }
}
