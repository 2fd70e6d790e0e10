import Dispatch
import Foundation

/// Tells the user what goes on, apart from what a command prints as its result.
func report(_ sentence: String) {
    FileHandle.standardError.write(Data((sentence + "\n").utf8))
}

/// Runs `body` as a task that Ctrl-C, SIGTERM and a closed terminal cancel.
func cancelledBySignals<R: Sendable>(_ body: @escaping @Sendable () async throws -> R) async throws -> R {
    let task = Task { try await body() }
    let sources = [SIGINT, SIGTERM, SIGHUP].map { number in
        // A handler rather than SIG_IGN, which programs that are started would inherit.
        signal(number) { _ in }
        let source = DispatchSource.makeSignalSource(signal: number)
        source.setEventHandler { task.cancel() }
        source.resume()
        return source
    }
    defer { for source in sources { source.cancel() } }
    return try await task.value
}

/// Where this program is.
func thisProgram() -> String {
    #if canImport(Darwin)
    return Bundle.main.executablePath ?? CommandLine.arguments[0]
    #else
    return (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        ?? CommandLine.arguments[0]
    #endif
}
