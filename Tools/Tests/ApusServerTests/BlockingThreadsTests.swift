import ApusLocalCluster
import ApusPQ
import ApusWaiting
import Foundation
import Synchronization
import Testing

@testable import Apus

/// The threads that execute the steps of connects.
@Suite struct BlockingThreadsTests {
    /// The loop submits work. It must not execute the work itself if no thread can be started.
    @Test func withoutThreadsWorkIsRefused() throws {
        let threads = BlockingThreads(limit: 4) { _ in EAGAIN }
        let refusals = Mutex<[ApusError?]>([])
        for _ in 0..<3 { threads.run { refusal in refusals.withLock { $0.append(refusal) } } }
        let all = refusals.withLock { $0 }
        try #require(all.count == 3)
        for refusal in all {
            #expect(refusal?.code == .system)
            #expect(refusal?.message.contains("cannot start a thread") == true)
        }
    }

    /// One thread exists and a second cannot be started: the first one executes the rest of the work.
    @Test func aThreadThatIsThereServesTheLine() async throws {
        let started = Mutex(0)
        let threads = BlockingThreads(limit: 4) { body in
            let number = started.withLock { started in
                started += 1
                return started
            }
            if number > 1 { return EAGAIN }
            Foundation.Thread.detachNewThread(body)
            return 0
        }
        let mayGoOn = DispatchSemaphore(value: 0)
        let done = Mutex<[Bool]>([])
        threads.run { _ in mayGoOn.wait() }
        for _ in 0..<5 { threads.run { refusal in done.withLock { $0.append(refusal == nil) } } }
        #expect(started.withLock { $0 } > 1)
        #expect(done.withLock { $0 }.isEmpty)
        mayGoOn.signal()
        #expect(try await eventually { done.withLock { $0 } == Array(repeating: true, count: 5) })
    }

    /// If no thread can be started, a connect fails at once, and its task does not hang.
    @Test func aRunWithoutThreadsFails() async throws {
        struct Machine: StepMachine, ~Copyable {
            mutating func advance(now: Duration) throws(PQError) -> Wait? { nil }
        }
        let run = MachineRun<Machine, Int>(
            Machine(), on: try ApusLoop.shared, threads: BlockingThreads(limit: 1) { _ in EAGAIN }, deadline: nil
        ) { _ in 1 }
        guard case .failure(let error) = await run.run() else {
            Issue.record("it must fail")
            return
        }
        #expect((error as? ApusError)?.code == .system)
    }

    @Test func manyPiecesOfWork() async throws {
        let threads = BlockingThreads(limit: 3)
        let sum = Mutex(0)
        for number in 1...10_000 { threads.run { _ in sum.withLock { $0 += number } } }
        #expect(try await eventually { sum.withLock { $0 } == 50_005_000 })
    }
}

extension AllTests {
    @Suite struct BusyThreadsTests {
        /// A statement can be cancelled while connects whose name servers do not answer block all threads.
        @Test func cancelsDoNotWaitForConnects() async throws {
            try await withConnection { connection in
                try await connection.execute("SELECT 1")
                let mayGoOn = DispatchSemaphore(value: 0)
                defer { for _ in 0..<64 { mayGoOn.signal() } }
                for _ in 0..<64 { BlockingThreads.shared.run { _ in mayGoOn.wait() } }
                let start = ContinuousClock.now
                let error = await failure {
                    try await connection.execute("SELECT pg_sleep(60)", timeout: .milliseconds(200))
                }
                #expect(error?.code == .timeout)
                #expect(try await connection.first("SELECT 1", as: Int.self, timeout: .seconds(9)) == 1)
                #expect(ContinuousClock.now - start < .seconds(9))
            }
        }
    }
}
