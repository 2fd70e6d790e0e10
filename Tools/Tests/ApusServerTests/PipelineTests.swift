import Testing

@testable import Apus

extension AllTests {
    @Suite struct PipelineTests {
        /// Statements of many tasks are sent without waiting for each other's answers.
        @Test func manyTasksShareAConnection() async throws {
            try await withConnection { connection in
                let sum = try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 1...500 {
                        group.addTask { try await connection.first("SELECT \(number) * 2", as: Int.self) ?? 0 }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(sum == 500 * 501)
            }
        }

        @Test func theErrorOfOneLeavesTheOthersAlone() async throws {
            try await withConnection { connection in
                try await connection.execute("CREATE TEMP TABLE t (id int)")
                let failed = await withTaskGroup(of: Bool.self) { group in
                    for number in 1...200 {
                        group.addTask {
                            let error = await failure {
                                try await connection.execute("INSERT INTO t SELECT \(number) / \(number % 4)")
                            }
                            return error?.sqlState == "22012"
                        }
                    }
                    return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(failed == 50)
                #expect(try await connection.first("SELECT count(*) FROM t", as: Int.self) == 150)
            }
        }

        /// Sends and receives more than the socket's buffers hold, at the same time.
        @Test func largeStatementsAndLargeAnswers() async throws {
            try await withConnection { connection in
                let text = String(repeating: "swift", count: 200_000)
                let lengths = try await withThrowingTaskGroup(of: Int.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            try await connection.first("SELECT \(text)::text", as: String.self)?.utf8.count ?? 0
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(lengths == Array(repeating: 1_000_000, count: 20))
            }
        }

        @Test func aTaskMayPreferTheLoop() async throws {
            try await withConnection { connection in
                let sum = try await withTaskExecutorPreference(ApusLoop.shared) {
                    var sum = 0
                    for number in 1...300 { sum += try await connection.first("SELECT \(number)", as: Int.self) ?? 0 }
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 1...50 {
                            group.addTask { _ = try await connection.first("SELECT \(number)", as: Int.self) }
                        }
                        try await group.waitForAll()
                    }
                    // The loop, which is the executor here, can also resume a task that sleeps.
                    try await Task.sleep(for: .milliseconds(5))
                    return sum
                }
                #expect(sum == 45_150)
            }
        }
    }
}
