import Apus
import Foundation

/// The Swift program of the demo: opens and closes connections as it is told, one command a line on standard input.
///
///     open COUNT DSN      answers `opened COUNT`, or `error MESSAGE`
///     close               answers `closed COUNT`
///
/// `Demo/python_program.py` is the same program in Python.
@main
struct DemoProgram {
    private var connections: [ApusConnection] = []

    static func main() async {
        var program = DemoProgram()
        while let line = readLine() {
            do {
                answer(try await program.obey(line))
            } catch {
                // An answer is one line.
                answer("error " + "\(error)".split(whereSeparator: \.isNewline).joined(separator: " "))
            }
        }
    }

    private mutating func obey(_ line: String) async throws -> String {
        let words = line.split(separator: " ", maxSplits: 2).map(String.init)
        switch words.first {
        case "open":
            guard words.count == 3, let count = Int(words[1]), count >= 0 else {
                throw Misunderstanding(description: "open wants a count and a DSN")
            }
            for _ in 0..<count { connections.append(try await open(words[2])) }
            return "opened \(count)"
        case "close":
            for connection in connections { await connection.close() }
            defer { connections = [] }
            return "closed \(connections.count)"
        default:
            throw Misunderstanding(description: "there is no command '\(line)'")
        }
    }

    private func open(_ dsn: String) async throws -> ApusConnection {
        let connection = try await ApusConnection.connect(dsn)
        guard try await connection.first("SELECT \(6) * \(7)", as: Int.self) == 42 else {
            throw Misunderstanding(description: "the server cannot multiply")
        }
        return connection
    }
}

private struct Misunderstanding: Error, CustomStringConvertible {
    let description: String
}

/// Prints at once: standard output is a pipe, which would wait for more.
private func answer(_ line: String) {
    print(line)
    fflush(nil)
}
