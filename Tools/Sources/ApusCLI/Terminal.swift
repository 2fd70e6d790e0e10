import Dispatch
import Foundation

/// Prints a progress message to standard error. Results go to standard output.
func report(_ sentence: String) {
    FileHandle.standardError.write(Data((sentence + "\n").utf8))
}

/// Runs `body` as a task that is cancelled by Ctrl-C, SIGTERM and SIGHUP.
func cancelledBySignals<R: Sendable>(_ body: @escaping @Sendable () async throws -> R) async throws -> R {
    let task = Task { try await body() }
    let sources = [SIGINT, SIGTERM, SIGHUP].map { number in
        // A handler instead of SIG_IGN, because child processes would inherit SIG_IGN.
        signal(number) { _ in }
        let source = DispatchSource.makeSignalSource(signal: number)
        source.setEventHandler { task.cancel() }
        source.resume()
        return source
    }
    defer { for source in sources { source.cancel() } }
    return try await task.value
}

/// The path of this program.
func thisProgram() -> String {
    #if canImport(Darwin)
    return Bundle.main.executablePath ?? CommandLine.arguments[0]
    #else
    return (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        ?? CommandLine.arguments[0]
    #endif
}
