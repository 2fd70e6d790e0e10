import Foundation

/// An exclusive lock on a file. The kernel releases it when this process ends, including after a crash.
final class FileLock: Sendable {
    private let descriptor: Int32

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Releases the lock before the object is deallocated.
    func release() {
        _ = flock(descriptor, LOCK_UN)
    }

    /// Returns the lock, or nil if it is held or the file cannot be opened.
    static func tryAcquire(_ path: String) -> FileLock? {
        // Tried several times, because `isHeld` in another process holds the lock briefly.
        for _ in 0..<5 {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { return nil }
            var locked = stat()
            var named = stat()
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &locked) == 0, stat(path, &named) == 0,
                locked.st_ino == named.st_ino
            {
                return FileLock(descriptor: descriptor)
            }
            // The lock is held elsewhere, or the file was removed after opening it, so that the lock has no effect.
            close(descriptor)
            usleep(1000)
        }
        return nil
    }

    /// Waits for the lock.
    ///
    /// - Throws: ``LocalClusterError`` (`fileSystem` when the file cannot be opened, `timedOut` after `limit`).
    static func acquire(_ path: String, within limit: Duration = .seconds(60)) async throws -> FileLock {
        let deadline = ContinuousClock.now + limit
        while true {
            if let lock = tryAcquire(path) { return lock }
            if !FileManager.default.fileExists(atPath: path) {
                throw LocalClusterError(.fileSystem, "cannot create \(path): \(String(cString: strerror(errno)))")
            }
            guard ContinuousClock.now < deadline else {
                throw LocalClusterError(.timedOut, "another program held \(path) for \(limit)")
            }
            try await Task.sleep(for: .milliseconds(15))
        }
    }

    /// Runs `body` with the lock, for synchronous callers. It is held for milliseconds only.
    static func withLock<R>(_ path: String, _ body: () throws -> R) throws -> R {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw LocalClusterError(.fileSystem, "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                throw LocalClusterError(.fileSystem, "cannot lock \(path): \(String(cString: strerror(errno)))")
            }
        }
        return try body()
    }

    /// Returns true if a process holds the lock.
    static func isHeld(_ path: String) -> Bool {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_EX | LOCK_NB) != 0
    }
}
