import Foundation

/// The processes of one server, found by their working folder, which is the data folder for every PostgreSQL process.
/// Unlike process IDs, this cannot match an unrelated process if an ID is reused, and it also finds backends that
/// outlive a killed postmaster.
struct ServerProcesses: Sendable {
    let dataFolder: String

    enum Condition: Sendable, Hashable {
        case running, frozen, gone
    }

    /// The process ID of the postmaster, if it is alive.
    var postmaster: Int32? {
        guard let lines = lockFile, let first = lines.first, let pid = Int32(first), pid > 1 else { return nil }
        return condition(of: pid) == .gone ? nil : pid
    }

    /// The state of the postmaster.
    var condition: Condition {
        postmaster.map { condition(of: $0) } ?? .gone
    }

    /// True if the postmaster runs and reports that it accepts connections (in line 8 of "postmaster.pid", as pg_ctl
    /// does).
    var isReady: Bool {
        guard let lines = lockFile, lines.count >= 8, condition == .running else { return false }
        return ["ready", "standby"].contains(lines[7].trimmingCharacters(in: .whitespaces))
    }

    private var lockFile: [Substring]? {
        guard let text = try? String(contentsOfFile: dataFolder + "/postmaster.pid", encoding: .utf8) else {
            return nil
        }
        return text.split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// Sends a signal to the postmaster, if it is alive.
    func signalPostmaster(_ signal: Int32) {
        if let pid = postmaster { Foundation.kill(pid, signal) }
    }

    /// Suspends the postmaster and then all its processes: new connections wait in the kernel's queue and are not
    /// answered. The postmaster is first, so that it cannot fork new processes meanwhile.
    func freeze() {
        signalPostmaster(SIGSTOP)
        for pid in all() { Foundation.kill(pid, SIGSTOP) }
    }

    /// Resumes all processes, the postmaster last.
    func thaw() {
        let postmaster = self.postmaster
        for pid in all() where pid != postmaster { Foundation.kill(pid, SIGCONT) }
        if let postmaster { Foundation.kill(postmaster, SIGCONT) }
    }

    /// Sends SIGKILL until no process is left, for at most two seconds.
    func killAll() async {
        signalPostmaster(SIGSTOP)
        for _ in 0..<200 {
            let pids = all()
            if pids.isEmpty { break }
            for pid in pids { Foundation.kill(pid, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(10))
        }
        removeLeftovers()
    }

    /// Asks the postmaster to shut down with a signal (SIGINT: fast, SIGQUIT: immediate), and kills the remaining
    /// processes after `limit`.
    func shutDown(_ signal: Int32, within limit: Duration) async {
        signalPostmaster(signal)
        thaw()
        let deadline = ContinuousClock.now + limit
        while postmaster != nil, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(10))
        }
        await killAll()
    }

    /// Removes the lock file of a killed server and its System V shared memory segment, which line 7 of the file names.
    private func removeLeftovers() {
        guard postmaster == nil, let lines = lockFile else { return }
        if lines.count >= 7, let id = lines[6].split(separator: " ").last.flatMap({ Int32($0) }) {
            var segment = shmid_ds()
            if shmctl(id, IPC_STAT, &segment) == 0, segment.shm_nattch == 0 { shmctl(id, IPC_RMID, nil) }
        }
        unlink(dataFolder + "/postmaster.pid")
    }

    #if canImport(Darwin)
    // Compiled on macOS, but not yet run there.

    /// All processes that live in the folder.
    func all() -> [Int32] {
        var pids = [Int32](repeating: 0, count: 65536)
        let bytes = proc_listallpids(&pids, Int32(pids.count * MemoryLayout<Int32>.size))
        return pids.prefix(Int(max(bytes, 0))).filter { $0 > 1 && condition(of: $0) != .gone }
    }

    private func condition(of pid: Int32) -> Condition {
        var folders = proc_vnodepathinfo()
        let size = Int32(MemoryLayout<proc_vnodepathinfo>.size)
        guard proc_pidinfo(pid, PROC_PIDVNODEPATHINFO, 0, &folders, size) == size else { return .gone }
        let folder = withUnsafeBytes(of: &folders.pvi_cdir.vip_path) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        guard folder == dataFolder || folder == "/private" + dataFolder else { return .gone }
        var info = proc_bsdinfo()
        let length = Int32(MemoryLayout<proc_bsdinfo>.size)
        guard proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, &info, length) == length else { return .gone }
        switch Int32(info.pbi_status) {
        case SZOMB: return .gone
        case SSTOP: return .frozen
        default: return .running
        }
    }
    #else
    /// All processes that live in the folder.
    func all() -> [Int32] {
        guard let proc = opendir("/proc") else { return [] }
        defer { closedir(proc) }
        var pids: [Int32] = []
        while let entry = readdir(proc) {
            let pid = withUnsafeBytes(of: &entry.pointee.d_name) { bytes -> Int32? in
                var value: Int32 = 0
                for byte in bytes.prefix(10) {
                    if byte == 0 { return value > 1 ? value : nil }
                    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                    value = value &* 10 &+ Int32(byte - UInt8(ascii: "0"))
                }
                return nil
            }
            if let pid, livesInFolder(pid) { pids.append(pid) }
        }
        return pids
    }

    private func condition(of pid: Int32) -> Condition {
        // A dead process whose parent has not noticed (in a container, one that adopts and never looks) has none.
        guard livesInFolder(pid), let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        else {
            return .gone
        }
        // The name in parentheses may contain anything; the state follows the last one. See proc(5).
        guard let end = stat.lastIndex(of: ")") else { return .gone }
        switch stat[stat.index(after: end)...].drop(while: { $0 == " " }).first {
        case "T", "t": return .frozen
        case "Z", "X", nil: return .gone
        default: return .running
        }
    }

    private func livesInFolder(_ pid: Int32) -> Bool {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
            guard let base = buffer.baseAddress else { return false }
            let length = readlink("/proc/\(pid)/cwd", base, buffer.count)
            guard length == dataFolder.utf8.count else { return false }
            return zip(buffer.prefix(length), dataFolder.utf8).allSatisfy { UInt8(bitPattern: $0) == $1 }
        }
    }
    #endif
}
