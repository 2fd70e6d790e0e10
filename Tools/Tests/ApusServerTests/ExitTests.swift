import ApusLocalCluster
import Foundation
import Synchronization
import Testing

@testable import Apus

extension AllTests {
    /// exit() frees the state of OpenSSL, while threads of the driver may use it.
    @Suite struct ExitTests {
        @Test func anExitWhileConnectionsAreBeingOpened() async throws {
            var settings = LocalCluster.Options(nodes: 1)
            settings.encryption = .offered
            let cluster = try await LocalCluster.up(settings)
            let node = try cluster.node(1)
            setenv(
                Self.variable,
                "host=\(node.address) port=\(node.port) user=\(LocalCluster.user) dbname=\(LocalCluster.database)"
                    + " sslmode=require", 1)
            for _ in 0..<20 {
                await #expect(processExitsWith: .exitCode(3)) {
                    await AllTests.ExitTests.connectUntilExit()
                }
            }
            try await cluster.down()
        }

        private static let variable = "APUS_EXIT_TEST"

        /// Ends the process when 40 connections have been opened and others are being opened.
        @Sendable static func connectUntilExit() async {
            let string = ProcessInfo.processInfo.environment[variable] ?? ""
            let opened = Counter()
            for _ in 0..<16 {
                Task {
                    while true {
                        guard let connection = try? await ApusConnection.connect(string) else { exit(4) }
                        await connection.close()
                        if opened.value.add(1, ordering: .relaxed).newValue == 40 { exit(3) }
                    }
                }
            }
            // The process ends before.
            try? await Task.sleep(for: .seconds(60))
        }

        private final class Counter: Sendable { let value = Atomic(0) }
    }
}
