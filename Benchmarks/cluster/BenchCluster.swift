import ApusCluster

/// Measures the cost of picking a node. `BenchCluster` times picks and releases, and fails if a pick takes too long.
/// `BenchCluster CASE COUNT` only makes that many picks, so that callgrind can count instructions.
@main
struct BenchCluster {
    /// The limit for a pick from 1,000 nodes.
    static let limit = Duration.nanoseconds(2_000)

    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        if arguments.isEmpty { return try table() }
        guard arguments.count == 2, let name = arguments.first, let count = arguments.last.flatMap(Int.init),
            let measured = PickCase.all.first(where: { $0.name == name })
        else { throw Usage() }
        let cluster = try measured.makeCluster()
        // Half a round of picks first, so that about half of the nodes tie.
        var held = measured.picks(from: cluster, count: measured.nodes / 2)
        held += measured.picks(from: cluster, count: count)
        guard held.count >= count else { throw Usage() }
    }

    /// Times every case.
    static func table() throws {
        print("case                        nodes   pick ns (median, least)   release ns")
        var isTooSlow = false
        for measured in PickCase.all {
            let cost = try measured.measure()
            isTooSlow = isTooSlow || cost.pick > limit
            print(
                pad(measured.name, 24, left: true), pad("\(measured.nodes)", 8),
                pad(cost.pick.nanoseconds, 12), pad(cost.leastPick.nanoseconds, 12), pad(cost.release.nanoseconds, 12))
        }
        if isTooSlow { throw TooSlow() }
    }

    static func pad(_ text: String, _ width: Int, left: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return left ? text + space : space + text
    }
}

struct Usage: Error, CustomStringConvertible {
    var description: String {
        "usage: BenchCluster [CASE COUNT], where CASE is one of \(PickCase.all.map(\.name).joined(separator: ", "))"
    }
}

struct TooSlow: Error, CustomStringConvertible {
    var description: String { "a pick costs more than \(BenchCluster.limit.nanoseconds) ns" }
}

extension Duration {
    var nanoseconds: String { "\(components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000)" }
}
