import Foundation

/// The names of a cluster in /etc/hosts, between two marker lines.
struct SystemHosts {
    let cluster: String
    var path = "/etc/hosts"

    private var begin: String { "# begin apus cluster \(cluster)" }
    private var end: String { "# end apus cluster \(cluster)" }

    /// Writes the names, replacing those of this cluster.
    func write(_ lines: [String]) throws { try edit { $0 + [begin] + lines + [end] } }

    /// Removes the names.
    func remove() throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8), text.contains(begin) else { return }
        try edit { $0 }
    }

    private func edit(_ change: ([String]) -> [String]) throws {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw LocalClusterError(.fileSystem, "cannot write \(path): \(String(cString: strerror(errno)))")
        }
        // Written in place, because in a container the file is a mount that cannot be replaced. The lock prevents
        // concurrent changes by other clusters.
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard flock(descriptor, LOCK_EX) == 0 else {
            throw LocalClusterError(.fileSystem, "cannot lock \(path): \(String(cString: strerror(errno)))")
        }
        var lines = String(decoding: try handle.readToEnd() ?? Data(), as: UTF8.self).components(separatedBy: "\n")
        if lines.last == "" { lines.removeLast() }
        while let first = lines.firstIndex(of: begin) {
            let last = lines[first...].firstIndex(of: end) ?? first
            lines.removeSubrange(first...last)
        }
        let text = Data(change(lines).map { $0 + "\n" }.joined().utf8)
        try handle.seek(toOffset: 0)
        try handle.write(contentsOf: text)
        try handle.truncate(atOffset: UInt64(text.count))
    }
}
