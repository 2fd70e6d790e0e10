/// Waits for something that a server or another process does by itself: asks until the answer is yes.
/// - Parameters:
///   - limit: how long to ask. The condition is asked once at least.
///   - pause: the time between two questions.
///   - condition: the question.
/// - Returns: whether the answer was yes within the limit.
/// - Throws: what the condition throws, and `CancellationError` when the task is cancelled between two questions.
package func eventually(
    within limit: Duration = .seconds(30), every pause: Duration = .milliseconds(20),
    _ condition: () async throws -> Bool
) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while true {
        if try await condition() { return true }
        if ContinuousClock.now >= end { return false }
        try await Task.sleep(for: pause)
    }
}
