import ApusPQ
import ApusWaiting
import Synchronization

/// Drives a step machine on behalf of a task: steps run on ``BlockingThreads``, waits are the loop's, so that a node
/// that does not answer holds up no thread. A task that is cancelled leaves at once; what it leaves behind is freed on
/// the thread that holds it then.
final class MachineRun<Machine: StepMachine & ~Copyable & SendableMetatype, Output: Sendable>: ApusLoop.Watcher,
    TimerTarget,
    @unchecked Sendable
{
    typealias Outcome = Result<Output, any Error>

    private enum Phase { case advancing, waiting(Wait), ended }
    private struct State {
        var phase = Phase.advancing
        var completion: (@Sendable (Outcome) -> Void)?
        var outcome: Outcome?
    }
    private let loop: ApusLoop
    private let threads: BlockingThreads
    private let token: UInt64
    private let deadline: Duration?
    private let state = Mutex(State())
    /// Touched by one step at a time, and never during a wait.
    private var machine: Machine?
    private let extract: (inout Machine) throws -> Output

    /// - Parameters:
    ///   - threads: where the steps run. Where the system has none left, the run fails.
    ///   - deadline: when the run fails with ``ApusError/Code/timeout``, whatever the machine does.
    ///   - extract: takes the machine's output; runs on the thread of the last step.
    init(
        _ machine: consuming Machine, on loop: ApusLoop, threads: BlockingThreads = .shared, deadline: Duration?,
        extract: @escaping @Sendable (inout Machine) throws -> Output
    ) {
        self.machine = consume machine
        self.loop = loop
        self.threads = threads
        token = loop.makeToken()
        self.deadline = deadline
        self.extract = extract
    }

    /// Runs the machine to its end for the present task. To be called once, and not with ``start(_:)``.
    func run() async -> Outcome {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in start { continuation.resume(returning: $0) } }
        } onCancel: {
            end(.failure(CancellationError()))
        }
    }

    /// Runs the machine to its end, and then calls `completion` on some thread of the driver.
    func start(_ completion: @escaping @Sendable (Outcome) -> Void) {
        let ended = state.withLock { state -> Outcome? in
            if let outcome = state.outcome { return outcome }
            state.completion = completion
            loop.add(self, token: token)
            return nil
        }
        if let ended { return completion(ended) }
        if let deadline { loop.wake(self, at: deadline) }
        step()
    }

    private func step() {
        threads.run { refusal in
            guard let refusal else { return self.advance() }
            self.machine = nil
            self.end(.failure(refusal))
        }
    }

    /// One step; runs on a thread that may block.
    private func advance() {
        do {
            guard let wait = try machine?.advance(now: Monotonic.now) else {
                guard let output = try takeOutput() else { return }
                return end(.success(output))
            }
            try begin(wait)
        } catch {
            machine = nil
            end(.failure(error))
        }
    }

    private func takeOutput() throws -> Output? {
        guard var machine = machine.take() else { return nil }
        return try extract(&machine)
    }

    private func begin(_ wait: Wait) throws {
        let isAbandoned = try state.withLock { state in
            guard case .advancing = state.phase else { return true }
            if let descriptor = wait.descriptor {
                try loop.watch(descriptor, for: wait.interest, once: true, token: token)
            }
            state.phase = .waiting(wait)
            return false
        }
        if isAbandoned {
            machine = nil
        } else if let deadline = wait.deadline {
            loop.wake(self, at: deadline)
        }
    }

    func descriptorIsReady(_ ready: Wait.Interest) { proceed { _ in true } }

    func timerFired(_ now: Duration) {
        if let deadline, now >= deadline {
            return end(.failure(ApusError(.timeout, "no connection within the time allowed")))
        }
        proceed { wait in wait.deadline.map { now >= $0 } ?? false }
    }

    private func proceed(if isOver: (Wait) -> Bool) {
        let goesOn = state.withLock { state in
            guard case .waiting(let wait) = state.phase, isOver(wait) else { return false }
            leave(wait)
            state.phase = .advancing
            return true
        }
        if goesOn { step() }
    }

    /// Stops watching, while the descriptor is still the machine's: its number may be another one's after a step.
    private func leave(_ wait: Wait) {
        if let descriptor = wait.descriptor { loop.forget(descriptor) }
    }

    private func end(_ outcome: Outcome) {
        let (completion, wasWaiting) = state.withLock { state in
            defer {
                if state.outcome == nil { state.outcome = outcome }
                state.completion = nil
                state.phase = .ended
            }
            guard case .waiting(let wait) = state.phase else { return (state.completion, false) }
            leave(wait)
            return (state.completion, true)
        }
        loop.remove(token)
        // It is not advanced any more. Letting go of it closes connections, which takes system calls: they do not
        // block, but the caller need not wait for them unless there is no other thread.
        if wasWaiting { threads.run { _ in self.machine = nil } }
        completion?(outcome)
    }
}
