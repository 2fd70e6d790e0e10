import ApusWaiting
import Dispatch
import Testing

/// A random generator with a seed: SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Lends the UTF-8 of a string.
func lending<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try Array(text.utf8).withUnsafeBytes(body)
}

/// Runs a function on several threads at once, and returns when all of them have ended.
/// - Parameters:
///   - count: the number of threads.
///   - body: the function; its argument is the number of the thread, counted from 0.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let ended = DispatchSemaphore(value: 0)
    var started = 0
    for number in 0..<count {
        let code = ApusWaiting.Thread.detach {
            body(number)
            ended.signal()
        }
        #expect(code == 0, "thread \(number) did not start")
        if code == 0 { started += 1 }
    }
    for _ in 0..<started { ended.wait() }
}
