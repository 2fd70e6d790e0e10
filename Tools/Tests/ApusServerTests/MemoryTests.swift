import ApusWaiting
import Foundation
import Testing

@testable import Apus

extension AllTests {
    /// An answer of any size needs little memory, also if its rows are not read.
    @Suite(.enabled(if: Memory.canMeasure)) struct MemoryTests {
        /// 300 MB.
        private static let large: SQL = "SELECT repeat('x', 100000) FROM generate_series(1, 3000)"
        private static let most = 100 << 20

        @Test func theFirstRowOfMany() async throws {
            try await withConnection { connection in
                let growth = try await Memory.peakGrowth {
                    let first = try await connection.first(Self.large, as: String.self)
                    #expect(first?.utf8.count == 100_000)
                }
                #expect(growth < Self.most, "\(growth >> 20) MB")
                let pair = try await Memory.peakGrowth {
                    let first = try await connection.first(
                        "SELECT n, repeat('x', 100000) FROM generate_series(1, 3000) n", as: (Int, String).self)
                    #expect(first?.0 == 1)
                }
                #expect(pair < Self.most, "\(pair >> 20) MB")
            }
        }

        @Test func rowsThatAreOfNoInterest() async throws {
            try await withConnection { connection in
                for _ in 0..<3 {
                    // Unnamed, prepared on the way, prepared.
                    let growth = try await Memory.peakGrowth { try await connection.execute(Self.large) }
                    #expect(growth < Self.most, "\(growth >> 20) MB")
                }
                let script = try await Memory.peakGrowth {
                    try await connection.executeScript(
                        "SELECT 1; SELECT repeat('x', 100000) FROM generate_series(1, 3000); SELECT 2")
                }
                #expect(script < Self.most, "\(script >> 20) MB")
                let drained = try await Memory.peakGrowth {
                    let tag = try await connection.query(Self.large).drain()
                    #expect(tag.text == "SELECT 3000")
                }
                #expect(drained < Self.most, "\(drained >> 20) MB")
            }
        }
    }
}

/// The resident memory of this process.
private enum Memory {
    /// Only on Linux, and not under a sanitizer, which keeps freed memory, so that the figures have no meaning.
    static var canMeasure: Bool {
        #if os(Linux)
        let names = ["__tsan_init", "__asan_init"]
        return names.allSatisfy { dlsym(dlopen(nil, RTLD_NOW), $0) == nil } && (try? peak()) != nil
        #else
        return false
        #endif
    }

    /// The number of bytes by which the peak during a call is above the memory before.
    static func peakGrowth(_ body: () async throws -> Void) async throws -> Int {
        // Memory freed by earlier tests is returned to the system, so that this test cannot reuse it.
        MemoryPages.trimHeap()
        try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
        let before = try peak()
        try await body()
        return try peak() - before
    }

    private static func peak() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(separator: " ").dropLast().last.flatMap { Int($0) } ?? 0) << 10
    }
}
