import Foundation
import Synchronization

extension LocalCluster {
    /// Ends every process of the cluster and removes its files.
    ///
    /// - Parameter purgeCache: also removes the cached data folders that make starting clusters fast.
    /// - Throws: ``LocalClusterError``.
    public func down(purgeCache: Bool = false) async throws {
        try await Self.takeDown(folder)
        if let keepers = keepers.withLock({ keepers in
            defer { keepers = nil }
            return keepers
        }) {
            keepers.supervisor.stop()
            await keepers.watchdog?.dismiss()
        }
        if purgeCache { try Self.purgeCache() }
    }

    /// Takes down the cluster with this name in any state, including after a crash.
    ///
    /// - Returns: false if there was nothing to take down.
    @discardableResult
    public static func down(_ name: String) async throws -> Bool {
        try Options.validate(name: name)
        let folder = ClusterFolder(name: name)
        guard FileManager.default.fileExists(atPath: folder.path) else { return false }
        try await takeDown(folder)
        return true
    }

    /// Removes the cached data folders that make starting clusters fast.
    public static func purgeCache() throws {
        try DataTemplate.purge(ServerAccount.current())
    }

    /// Runs in its own task, because a cancellation would leave half a cluster.
    private static func takeDown(_ folder: ClusterFolder) async throws {
        try await Task.detached {
            guard FileManager.default.fileExists(atPath: folder.path) else { return }
            guard let lock = FileLock.tryAcquire(folder.upLock) else {
                throw LocalClusterError(
                    .wrongState,
                    "cluster '\(folder.name)' is coming up or going down in another process; try again later")
            }
            defer { withExtendedLifetime(lock) {} }
            let supervisor = (try? folder.load())?.supervisor
            // The supervisor ends when the record is gone.
            unlink(folder.recordFile)
            let deadline = ContinuousClock.now + .seconds(3)
            while FileLock.isHeld(folder.supervisorLock) {
                if ContinuousClock.now > deadline {
                    if let supervisor, supervisor.isDetached { Foundation.kill(supervisor.pid, SIGKILL) }
                    break
                }
                try await Task.sleep(for: .milliseconds(10))
            }
            try await folder.erase()
        }.value
    }
}
