import ApusLocalCluster
import ArgumentParser
import Foundation

struct ClusterUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Brings a cluster up and leaves it running.",
        discussion: """
            Without --base-address the nodes are at 127.0.0.1 and upwards. On macOS every loopback address but \
            127.0.0.1 must be made first: sudo ifconfig lo0 alias 127.0.0.2 up
            """)

    @OptionGroup var which: ClusterName
    @Option(help: "How many nodes (default: 3, or what --groups adds up to).")
    var nodes: Int?
    @Option(help: "cloud.region.zone per node, with commas between; fewer than nodes repeat in turn.")
    var placement: String?
    @Option(help: "The numbers of the nodes that are read replicas, with commas between.")
    var readReplicas: String?
    @Option(help: "The public address per node, with commas between; may be empty.")
    var publicIps: String?
    @Option(help: "Sizes of separate universes, with commas between: 3,3 makes nodes 1-3 one and 4-6 another.")
    var groups: String?
    @Option(help: "Node 1's loopback address, or 'any' for a free one; node N is N - 1 above.")
    var baseAddress = "127.0.0.1"
    @Option(help: "The port of every node.")
    var port = 5433
    @Option(help: ArgumentHelp("How clients prove who they are: trust or scram.", valueName: "trust|scram"))
    var auth: LocalCluster.Authentication = .trust
    @Flag(help: "Offer TLS, with certificates of the cluster's own authority.")
    var tls = false
    @Flag(help: "Turn connections without TLS away.")
    var tlsRequired = false
    @Flag(help: "List nodes by name (node1.NAME.apus.test); with TLS, certificates carry the names alone.")
    var hostnames = false
    @Option(help: "Seconds for which a dead node stays listed.")
    var listedTtl = 60.0
    @Option(help: ArgumentHelp("How many columns yb_servers() has, as versions differ.", valueName: "8|9|10"))
    var columns: LocalCluster.ServersFunction = .columns9
    @Flag(help: "The same as --columns 10.")
    var universeUuid = false
    @Flag(help: "Plain PostgreSQL servers, without yb_servers().")
    var noYbServers = false
    @Flag(help: "Start nodes behind the proxy of delay-node, so that the first delay restarts none.")
    var delayable = false
    @Option(help: "Start nodes behind a proxy that ends TLS and writes records of 1 to 16384 bytes; needs --tls.")
    var tlsRecordSize: Int?
    @Option(help: "The folder of PostgreSQL's server programs (default: found, see APUS_POSTGRES_BIN).")
    var postgresBin: String?
    @Flag(help: "Stay, and take the cluster down on Ctrl-C or SIGTERM.")
    var foreground = false

    func run() async throws {
        let options = try self.options()
        let foreground = self.foreground
        let supervision: LocalCluster.Supervision =
            foreground
            ? .thisProcess
            : .detached(executable: thisProgram(), arguments: ["cluster", "supervise", "--name", which.name])
        let start = ContinuousClock.now
        do {
            try await cancelledBySignals {
                let cluster = try await LocalCluster.up(options, supervision: supervision, progress: report)
                let seconds = String(format: "%.1f", (ContinuousClock.now - start) / .seconds(1))
                report("Cluster '\(cluster.name)' is up after \(seconds) s.")
                print(ClusterStatus.table(cluster))
                guard foreground else { return }
                report("Ctrl-C takes it down.")
                // Ends by cancellation only, or when another process takes the cluster down.
                while cluster.isSupervised, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(200)) }
                try await cluster.down()
                report("Cluster '\(cluster.name)' is down.")
            }
        } catch is CancellationError {
            report("Interrupted: everything was taken back.")
            throw ExitCode(130)
        }
    }

    private func options() throws -> LocalCluster.Options {
        let groups = try Self.numbers(groups, "--groups")
        return LocalCluster.Options(
            name: which.name, nodes: nodes ?? (groups.isEmpty ? 3 : groups.reduce(0, { $0 + min(max($1, 0), 1000) })),
            placements: Self.list(placement), readReplicas: Set(try Self.numbers(readReplicas, "--read-replicas")),
            publicIPs: Self.list(publicIps), groups: groups, baseAddress: baseAddress == "any" ? nil : baseAddress,
            port: port, authentication: auth, encryption: tlsRequired ? .required : tls ? .offered : .off,
            hostNames: hostnames, listedTTL: listedTtl,
            serversFunction: noYbServers ? .absent : universeUuid ? .columns10 : columns, delayable: delayable,
            tlsRecordSize: tlsRecordSize, postgresBinaries: postgresBin)
    }

    private static func list(_ text: String?) -> [String] {
        guard let text, !text.isEmpty else { return [] }
        return text.split(separator: ",", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
    }

    private static func numbers(_ text: String?, _ option: String) throws -> [Int] {
        try list(text).map { part in
            guard let number = Int(part) else {
                throw ValidationError("\(option) has '\(part)', which is not a number; it wants numbers like 4,5,6")
            }
            return number
        }
    }
}

extension LocalCluster.Authentication: ExpressibleByArgument {}
extension LocalCluster.ServersFunction: ExpressibleByArgument {}
