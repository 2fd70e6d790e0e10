import Apus
import Foundation

/// The Swift program of the demo. It opens and closes connections; each line of standard input is one command.
///
///     open COUNT DSN      prints `opened COUNT`, or `error MESSAGE`
///     close               prints `closed COUNT`
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
                // A response is one line.
                answer("error " + "\(error)".split(whereSeparator: \.isNewline).joined(separator: " "))
            }
        }
    }

    private mutating func obey(_ line: String) async throws -> String {
        let words = line.split(separator: " ", maxSplits: 2).map(String.init)
        switch words.first {
        case "open":
            guard words.count == 3, let count = Int(words[1]), count >= 0 else {
                throw Misunderstanding(description: "open needs a count and a DSN")
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

/// Prints and flushes, because standard output is a pipe and would be buffered.
private func answer(_ line: String) {
    print(line)
    fflush(nil)
}
