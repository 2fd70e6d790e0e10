import ApusPQ
import ApusWaiting
import Synchronization

/// Runs a step machine for a task. ``BlockingThreads`` execute the steps, and the loop waits between them, so that a
/// node that does not answer blocks no thread. If the task is cancelled, the run ends at once, and the machine is
/// released by the thread that executes its step.
///
/// It is Sendable because its lock guards the state, and the machine is used by one step at a time.
final class MachineRun<Machine: StepMachine & ~Copyable & SendableMetatype, Output: Sendable>: ApusLoop.Watcher,
    TimerTarget,
    @unchecked Sendable
{
    typealias Outcome = Result<Output, any Error>

    private enum Phase {
        /// A step is being executed, or is about to be.
        case advancing
        /// The loop waits.
        case waiting(Wait)
        /// The run has an outcome.
        case ended
    }
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
    /// Used by one step at a time, and never during a wait.
    private var machine: Machine?
    private let extract: (inout Machine) throws -> Output

    /// - Parameters:
    ///   - threads: the threads that execute the steps. If none can be started, the run fails.
    ///   - deadline: when the run fails with ``ApusError/Code/timeout``, whatever the machine does.
    ///   - extract: returns the machine's output after the last step, on the thread of that step.
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

    /// Runs the machine to its end for the current task. It must be called once, and not together with ``start(_:)``.
    func run() async -> Outcome {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in start { continuation.resume(returning: $0) } }
        } onCancel: {
            end(.failure(CancellationError()))
        }
    }

    /// Runs the machine to its end, and then calls a function on a thread of the driver.
    func start(_ completion: @escaping @Sendable (Outcome) -> Void) {
        let ended = state.withLock { state -> Outcome? in
            if let outcome = state.outcome { return outcome }
            state.completion = completion
            loop.add(self, token: token)
            return nil
        }
        if let ended { return completion(ended) }
        if let deadline { loop.schedule(self, at: deadline) }
        scheduleStep()
    }

    private func scheduleStep() {
        threads.run { refusal in
            guard let refusal else { return self.advance() }
            self.machine = nil
            self.end(.failure(refusal))
        }
    }

    /// Executes one step, on a thread that may block.
    private func advance() {
        do {
            guard let wait = try machine?.advance(now: Monotonic.now) else {
                guard let output = try takeOutput() else { return }
                return end(.success(output))
            }
            try startWaiting(for: wait)
        } catch {
            machine = nil
            end(.failure(error))
        }
    }

    private func takeOutput() throws -> Output? {
        guard var machine = machine.take() else { return nil }
        return try extract(&machine)
    }

    private func startWaiting(for wait: Wait) throws {
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
            loop.schedule(self, at: deadline)
        }
    }

    func descriptorIsReady(_ ready: Wait.Interest) { endWait { _ in true } }

    func timerFired(_ now: Duration) {
        if let deadline, now >= deadline {
            return end(.failure(ApusError(.timeout, "no connection within the time allowed")))
        }
        endWait { wait in wait.deadline.map { now >= $0 } ?? false }
    }

    /// Takes the next step if there is a wait and it is over.
    private func endWait(if isOver: (Wait) -> Bool) {
        let hasEnded = state.withLock { state in
            guard case .waiting(let wait) = state.phase, isOver(wait) else { return false }
            unwatch(wait)
            state.phase = .advancing
            return true
        }
        if hasEnded { scheduleStep() }
    }

    /// Unregisters the descriptor. It is done before the next step, because a step may close the descriptor, and
    /// another one may get its number.
    private func unwatch(_ wait: Wait) {
        if let descriptor = wait.descriptor { loop.unwatch(descriptor) }
    }

    private func end(_ outcome: Outcome) {
        let (completion, wasWaiting) = state.withLock { state in
            defer {
                if state.outcome == nil { state.outcome = outcome }
                state.completion = nil
                state.phase = .ended
            }
            guard case .waiting(let wait) = state.phase else { return (state.completion, false) }
            unwatch(wait)
            return (state.completion, true)
        }
        loop.remove(token)
        // No step uses the machine any more. Its release closes connections by system calls, which do not block.
        // Another thread executes them, so that the caller does not wait, unless there is no other thread.
        if wasWaiting { threads.run { _ in self.machine = nil } }
        completion?(outcome)
    }
}
