import ApusLocalCluster
import ArgumentParser

/// Commands for one node of a running cluster.
struct StopNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop-node", abstract: "Shuts a node down cleanly.")
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
        commandName: "kill-node", abstract: "Kills a node's server and all its sessions with SIGKILL.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int

    func run() async throws { try await which.cluster.kill(node) }
}

struct FreezeNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze-node", abstract: "Suspends a node: it accepts connections but never answers.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int

    func run() async throws { try await which.cluster.freeze(node) }
}

struct ThawNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "thaw-node", abstract: "Resumes a frozen node.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int

    func run() async throws { try await which.cluster.thaw(node) }
}

struct DelayNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delay-node", abstract: "Delays every response of a node.",
        discussion: """
            The first delay restarts the node behind a proxy, which ends its sessions, unless the cluster was started \
            with --delayable. Later changes take effect immediately and do not interrupt sessions.
            """)
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int
    @Argument(help: "Milliseconds, 0 to 600000; 0 removes the delay.") var milliseconds: Int

    func run() async throws {
        guard (0...600_000).contains(milliseconds) else {
            throw ValidationError("the delay must be 0 to 600000 milliseconds, not \(milliseconds)")
        }
        try await which.cluster.delay(node, by: .milliseconds(milliseconds))
    }
}

struct AddNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add-node", abstract: "Adds a node at the next free address and prints its number.")
    @OptionGroup var which: ClusterName
    @Option(help: "The placement, as cloud.region.zone.") var placement: String?
    @Option(help: "The public address.") var publicIp = ""
    @Flag(help: "Make the node a read replica.") var readReplica = false
    @Option(help: "The number of the universe that the node joins.") var group = 1

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
        commandName: "remove-node", abstract: "Removes a node from the cluster and deletes its data.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int

    func run() async throws { try await which.cluster.removeNode(node) }
}

struct SetPlacement: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-placement", abstract: "Changes the placement of a node in yb_servers().")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int
    @Argument(help: "The placement, as cloud.region.zone.") var placement: String

    func run() async throws {
        try which.cluster.setPlacement(node, try LocalCluster.Placement(parsing: placement))
    }
}

struct SetPublicIP: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-public-ip", abstract: "Changes the public address of a node in yb_servers().")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int
    @Argument(help: "The address or name; '' for none.") var address: String

    func run() async throws { try which.cluster.setPublicIP(node, address) }
}

struct SetHost: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-host", abstract: "Changes the host of a node in yb_servers().",
        discussion: "With TLS, the node gets a certificate for this host only.")
    @OptionGroup var which: ClusterName
    @Argument(help: "The node's number.") var node: Int
    @Argument(help: "A name or an address.") var host: String
    @Flag(help: "Make the name resolve to the address of the node.") var resolvable = false

    func run() async throws { try await which.cluster.setHost(node, host, resolvable: resolvable) }
}
