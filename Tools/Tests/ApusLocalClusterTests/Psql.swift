import Foundation
import Testing

@testable import ApusLocalCluster

/// The output of psql for the statement, unaligned, one row per line.
func psql(
    _ connection: String, _ statement: String, user: String? = nil, timeout: Int = 20
) async throws -> [String] {
    // A later keyword overrides an earlier one.
    let text = connection + " connect_timeout=\(timeout)" + (user.map { " user=\($0)" } ?? "")
    return try await Command("psql", ["-XAt", "-d", text, "-c", statement]).run()
        .split(separator: "\n").map(String.init)
}

extension LocalCluster {
    /// The answer of node `number`.
    func ask(_ number: Int, _ statement: String) async throws -> [String] {
        try await psql(connectionString(number), statement)
    }

    /// How many sessions of node `number` run a statement that contains `text`.
    func sessions(_ number: Int, running text: String) async throws -> Int {
        let answer = try await ask(
            number,
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%\(text)%' AND pid <> pg_backend_pid()")
        return answer.first.flatMap { Int($0) } ?? 0
    }

    /// The last parts of the addresses that node `number` lists, which are the nodes' numbers.
    func listed(by number: Int) async throws -> [Int] {
        try await ask(number, "SELECT host FROM yb_servers()").compactMap {
            $0.split(separator: ".").last.flatMap { Int($0) }
        }
    }
}

/// The error that the body throws, for expectations about its message.
func failure(_ body: () async throws -> Void) async -> LocalClusterError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? LocalClusterError ?? LocalClusterError(.commandFailed, "not of this kind: \(error)")
    }
}
