import ApusLocalCluster
import ApusWaiting
import CApusLibPQ
import Testing

@testable import ApusPQ

extension LocalCluster {
    /// libpq's parameters for one node; later ones replace earlier ones.
    func parameters(_ number: Int, _ more: [String: String] = [:]) throws -> [ConnectionParameter] {
        let node = try node(number)
        var values = [
            "host": node.address, "port": String(node.port), "user": Self.user, "dbname": Self.database,
            "password": Self.password,
        ]
        values.merge(more) { $1 }
        return values.sorted { $0.key < $1.key }.map { ConnectionParameter($0.key, $0.value) }
    }

    func connect(_ number: Int = 1, _ more: [String: String] = [:], timeout: Duration? = .seconds(10)) throws
        -> PQConnection
    {
        var machine = ConnectMachine(parameters: try parameters(number, more), timeout: timeout)
        try BlockingWaiter.run(&machine)
        guard let connection = machine.takeConnection() else {
            throw PQError(.usage, "the machine holds no connection")
        }
        return connection
    }

    /// The failure to connect.
    func failure(_ number: Int = 1, _ more: [String: String] = [:], timeout: Duration? = .seconds(10)) throws
        -> ConnectFailure?
    {
        var machine = ConnectMachine(parameters: try parameters(number, more), timeout: timeout)
        do {
            try BlockingWaiter.run(&machine)
            return nil
        } catch let failure as ConnectFailure {
            return failure
        }
    }
}

/// A result that has been read.
struct Answer: Equatable {
    var status: ResultStatus
    var tag: String
    var rows: [[String?]]
    var error: PQError?

    static func == (a: Answer, b: Answer) -> Bool { a.status == b.status && a.tag == b.tag && a.rows == b.rows }
}

extension PQConnection {
    /// Blocks until all statements sent are answered.
    mutating func answers() throws -> [Answer] {
        var answers: [Answer] = []
        while true {
            switch try nextResult() {
            case .wait(let wait): _ = BlockingWaiter.wait(for: wait)
            case .done(nil): return answers
            case .done(.some(let result)):
                let rows = (0..<result.rowCount).map { row in (0..<result.columnCount).map { result.text(row, $0) } }
                answers.append(
                    Answer(status: result.status, tag: result.commandTag, rows: rows, error: result.error))
                if result.status == .copyIn || result.status == .copyOut { return answers }
            }
        }
    }

    mutating func ask(_ query: String) throws -> [Answer] {
        try send(query: query)
        return try answers()
    }
}
