import Foundation
import Subprocess

/// A program run to its end.
struct Command: Sendable {
    var executable: String
    var arguments: [String]
    /// The account to run it as, where this process is root's.
    var account: ServerAccount?
    var input = ""
    /// Whether it leaves this process's session, so that Ctrl-C in the terminal does not reach it.
    var ownSession = false

    init(_ executable: String, _ arguments: [String], account: ServerAccount? = nil, input: String = "") {
        self.executable = executable
        self.arguments = arguments
        self.account = account
        self.input = input
    }

    /// The words before the program by which it becomes the account's. PlatformOptions.userID would do it in a process
    /// forked from this one, where glibc waits for threads that were not forked along (swift-subprocess 1.0.2).
    private var change: [String] {
        guard let account, account.isBorrowed else { return [] }
        #if canImport(Darwin)
        return ["sudo", "-n", "-u", account.name, "--"]
        #else
        return ["setpriv", "--reuid=\(account.userID)", "--regid=\(account.groupID)", "--clear-groups", "--"]
        #endif
    }

    /// Runs it and gives back what it printed.
    ///
    /// - Throws: ``LocalClusterError`` (`commandFailed`) with what it wrote to standard error, unless it ends with 0.
    @discardableResult
    func run() async throws -> String {
        var options = PlatformOptions()
        options.createSession = ownSession
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .milliseconds(500))]
        // The caller's settings for libpq and for the server are none of the cluster's business.
        let environment = Subprocess.Environment.inherit.updating([
            "LC_ALL": "C", "PGDATA": nil, "PGHOST": nil, "PGPORT": nil, "PGOPTIONS": nil, "PGUSER": nil, "HOME": "/",
        ])
        let result: ExecutionResult<Void, StringOutput<UTF8>, StringOutput<UTF8>>
        do {
            result = try await Subprocess.run(
                // The shell gives its place to the program, found by path or by name, in a folder that every account
                // may enter: this process's own may be closed to the account.
                .name("sh"), arguments: .init(["-c", #"cd / && exec "$0" "$@""#] + change + [executable] + arguments),
                environment: environment, platformOptions: options, input: .string(input),
                output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            throw LocalClusterError(.commandFailed, "cannot run \(executable): \(error)")
        }
        try Task.checkCancellation()
        guard case .exited(0) = result.terminationStatus else {
            let said = (result.standardError + "\n" + result.standardOutput)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            throw LocalClusterError(
                .commandFailed,
                "\(executable) failed (\(result.terminationStatus)): \(said)"
            )
        }
        return result.standardOutput
    }
}
