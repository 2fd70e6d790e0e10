import Foundation
import Subprocess

/// A program that runs to its end.
struct Command: Sendable {
    var executable: String
    var arguments: [String]
    /// The account to run it as, if this process runs as root.
    var account: ServerAccount?
    var input = ""
    /// True starts it in its own session, so that Ctrl-C in the terminal does not reach it.
    var ownSession = false

    init(_ executable: String, _ arguments: [String], account: ServerAccount? = nil, input: String = "") {
        self.executable = executable
        self.arguments = arguments
        self.account = account
        self.input = input
    }

    /// The command prefix that switches to the account. PlatformOptions.userID would switch in a forked child, where
    /// glibc waits for threads that do not exist in the child (swift-subprocess 1.0.2).
    private var change: [String] {
        guard let account, account.isBorrowed else { return [] }
        #if canImport(Darwin)
        return ["sudo", "-n", "-u", account.name, "--"]
        #else
        return ["setpriv", "--reuid=\(account.userID)", "--regid=\(account.groupID)", "--clear-groups", "--"]
        #endif
    }

    /// Runs the program and returns its standard output.
    ///
    /// - Throws: ``LocalClusterError`` (`commandFailed`) with its standard error, if its exit status is not 0.
    @discardableResult
    func run() async throws -> String {
        var options = PlatformOptions()
        options.createSession = ownSession
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .milliseconds(500))]
        // Removes the caller's settings for libpq and the server from the environment.
        let environment = Subprocess.Environment.inherit.updating([
            "LC_ALL": "C", "PGDATA": nil, "PGHOST": nil, "PGPORT": nil, "PGOPTIONS": nil, "PGUSER": nil, "HOME": "/",
        ])
        let result: ExecutionResult<Void, StringOutput<UTF8>, StringOutput<UTF8>>
        do {
            result = try await Subprocess.run(
                // The shell replaces itself with the program, found by path or name, in a folder that every account can
                // enter, because the account may have no access to the current folder.
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
