import ApusLocalCluster
import ArgumentParser
import Foundation

struct ClusterUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Starts a cluster and leaves it running.",
        discussion: """
            By default, node 1 is at 127.0.0.1, node 2 at 127.0.0.2, and so on. On macOS, create every address but \
            the first beforehand: sudo ifconfig lo0 alias 127.0.0.2 up

              apus cluster up --nodes 3 --placement aws.us.a,aws.us.b,aws.us.c
              apus cluster up --nodes 5 --read-replicas 4,5
              apus cluster up --nodes 3 --tls --auth scram --hostnames
            """)

    @OptionGroup var which: ClusterName
    @Option(help: "The number of nodes (default: 3, or the sum of --groups).")
    var nodes: Int?
    @Option(help: "Comma-separated placements, as cloud.region.zone; repeated if there are more nodes.")
    var placement: String?
    @Option(help: "Comma-separated numbers of the nodes that are read replicas.")
    var readReplicas: String?
    @Option(help: "Comma-separated public addresses, one per node; each may be empty.")
    var publicIps: String?
    @Option(help: "Comma-separated sizes of universes: 3,3 separates nodes 1 to 3 from nodes 4 to 6.")
    var groups: String?
    @Option(help: "The loopback address of node 1, or 'any' for free addresses; the other nodes follow.")
    var baseAddress = "127.0.0.1"
    @Option(help: "The port of every node.")
    var port = 5433
    @Option(help: ArgumentHelp("How clients authenticate: trust (no password) or scram.", valueName: "trust|scram"))
    var auth: LocalCluster.Authentication = .trust
    @Flag(help: "Offer TLS, with certificates from the cluster's own certificate authority.")
    var tls = false
    @Flag(help: "Reject connections without TLS.")
    var tlsRequired = false
    @Flag(help: "List nodes by name (node1.NAME.apus.test); TLS certificates then contain only the names.")
    var hostnames = false
    @Option(help: "Seconds for which a dead node stays listed in yb_servers().")
    var listedTtl = 60.0
    @Option(
        help: ArgumentHelp(
            "The number of columns of yb_servers(), which depends on the YugabyteDB version.", valueName: "8|9|10"))
    var columns: LocalCluster.ServersFunction = .columns9
    @Flag(help: "The same as --columns 10.")
    var universeUuid = false
    @Flag(help: "Start plain PostgreSQL servers, without yb_servers().")
    var noYbServers = false
    @Flag(help: "Start nodes behind the proxy of delay-node, so that the first delay does not restart them.")
    var delayable = false
    @Option(help: "Start nodes behind a proxy that terminates TLS with records of 1 to 16384 bytes; needs --tls.")
    var tlsRecordSize: Int?
    @Option(help: "The folder of the PostgreSQL server programs (default: APUS_POSTGRES_BIN, or the usual folders).")
    var postgresBin: String?
    @Flag(help: "Stay in the foreground, and stop the cluster on Ctrl-C or SIGTERM.")
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
                report("Cluster '\(cluster.name)' is up after \(seconds) s. Its nodes do not share data.")
                print(ClusterStatus.table(cluster))
                guard foreground else { return }
                report("Press Ctrl-C to stop it.")
                // Ends when the task is cancelled, or when another process stops the cluster.
                while cluster.isSupervised, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(200)) }
                try await cluster.down()
                report("Cluster '\(cluster.name)' is down.")
            }
        } catch is CancellationError {
            report("Interrupted: the partly started cluster was removed.")
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
                throw ValidationError("\(option) has '\(part)', which is not a number; expected numbers such as 4,5,6")
            }
            return number
        }
    }
}

extension LocalCluster.Authentication: ExpressibleByArgument {}
extension LocalCluster.ServersFunction: ExpressibleByArgument {}
