import ApusLocalCluster
import ArgumentParser

/// The commands for one node of a running cluster.
struct StopNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop-node", abstract: "Shuts a node down in order.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int

    func run() async throws { try await which.cluster.stop(node) }
}

struct StartNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start-node", abstract: "Starts a node that was stopped or killed.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int

    func run() async throws { try await which.cluster.start(node) }
}

struct KillNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill-node", abstract: "SIGKILL to a node's server and all its sessions.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int

    func run() async throws { try await which.cluster.kill(node) }
}

struct FreezeNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze-node", abstract: "Stops a node's processes: it accepts connections and never answers.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int

    func run() async throws { try await which.cluster.freeze(node) }
}

struct ThawNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "thaw-node", abstract: "Lets a frozen node go on.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int

    func run() async throws { try await which.cluster.thaw(node) }
}

struct DelayNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delay-node", abstract: "Delays every answer of a node.",
        discussion: """
            The first delay of a node restarts it behind a small proxy, which ends its sessions, unless the cluster \
            was brought up with --delayable. Later changes take effect on the spot and interrupt nothing.
            """)
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int
    @Argument(help: "Milliseconds, 0 to 600000; 0 ends the delay.") var milliseconds: Int

    func run() async throws {
        guard (0...600_000).contains(milliseconds) else {
            throw ValidationError("a delay of \(milliseconds) ms is not possible: 0 to 600000")
        }
        try await which.cluster.delay(node, by: .milliseconds(milliseconds))
    }
}

struct AddNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add-node", abstract: "Adds a node at the next address and prints its number.")
    @OptionGroup var which: ClusterName
    @Option(help: "cloud.region.zone.") var placement: String?
    @Option(help: "The public address.") var publicIp = ""
    @Flag(help: "Makes it a read replica.") var readReplica = false
    @Option(help: "The number of the universe that it joins.") var group = 1

    func run() async throws {
        let placement = try self.placement.map { try LocalCluster.Placement(parsing: $0) }
        let (cluster, type) = (try which.cluster, readReplica ? LocalCluster.NodeType.readReplica : .primary)
        let (publicIp, group) = (publicIp, group)
        do {
            print(
                try await cancelledBySignals {
                    try await cluster.addNode(placement: placement, type: type, publicIP: publicIp, universe: group)
                })
        } catch is CancellationError {
            throw ExitCode(130)
        }
    }
}

struct RemoveNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove-node", abstract: "Takes a node out of the cluster and removes its data.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int

    func run() async throws { try await which.cluster.removeNode(node) }
}

struct SetPlacement: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-placement", abstract: "Changes the placement that a node is listed with.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int
    @Argument(help: "cloud.region.zone.") var placement: String

    func run() async throws {
        try which.cluster.setPlacement(node, try LocalCluster.Placement(parsing: placement))
    }
}

struct SetPublicIP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-public-ip", abstract: "Changes the public address that a node is listed with.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int
    @Argument(help: "The address or name; '' for none.") var address: String

    func run() async throws { try which.cluster.setPublicIP(node, address) }
}

struct SetHost: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-host", abstract: "Changes the host that a node is listed under.",
        discussion: "With TLS the node gets a certificate for that host alone.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int
    @Argument(help: "A name or an address.") var host: String
    @Flag(help: "Make the name resolve to the node's address.") var resolvable = false

    func run() async throws { try await which.cluster.setHost(node, host, resolvable: resolvable) }
}
