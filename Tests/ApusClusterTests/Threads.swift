import Foundation

/// Runs the body on this many new threads, which start at the same moment, and returns when all have ended.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let gate = NSCondition()
    nonisolated(unsafe) var waiting = 0
    let ended = DispatchGroup()
    for index in 0..<count {
        ended.enter()
        Thread.detachNewThread {
            gate.lock()
            waiting += 1
            if waiting == count { gate.broadcast() }
            while waiting < count { gate.wait() }
            gate.unlock()
            body(index)
            ended.leave()
        }
    }
    ended.wait()
}
