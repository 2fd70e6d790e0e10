import Foundation

/// An exclusive lock on a file, which the kernel takes back when this process ends, however it ends.
final class FileLock: Sendable {
    private let descriptor: Int32

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Gives the lock back now, rather than when the last reference to it goes.
    func release() {
        _ = flock(descriptor, LOCK_UN)
    }

    /// The lock, or nil if another holder has it or the file cannot be opened.
    static func tryAcquire(_ path: String) -> FileLock? {
        // Several times, because a process that asks whether the lock is held has it for a moment.
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
            // Held by another, or the file was removed between opening and locking and the lock means nothing.
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

    /// The lock for a moment's work, for callers that are not asynchronous. Holders keep it for milliseconds.
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

    /// Whether a process holds the lock now.
    static func isHeld(_ path: String) -> Bool {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_EX | LOCK_NB) != 0
    }
}
