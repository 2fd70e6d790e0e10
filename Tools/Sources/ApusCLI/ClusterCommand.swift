import ApusLocalCluster
import ArgumentParser

/// `apus cluster …`
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Runs a cluster of PostgreSQL servers on this machine that looks like a YugabyteDB cluster.",
        discussion: """
            Every node is a PostgreSQL server at its own loopback address, from 127.0.0.1:5433 upwards, with the \
            function yb_servers(), the database yugabyte and the superuser yugabyte (password yugabyte).

            The nodes do not share data: a table created on one node does not exist on the others.

              apus cluster up --nodes 3 --placement aws.us.a,aws.us.b,aws.us.c
              psql -h 127.0.0.1 -p 5433 -U yugabyte -c 'SELECT * FROM yb_servers()'
              apus cluster kill-node 2
              apus cluster down
            """,
        subcommands: [
            ClusterUp.self, ClusterStatus.self, ClusterDown.self, ClusterList.self, StopNode.self, StartNode.self,
            KillNode.self, FreezeNode.self, ThawNode.self, DelayNode.self, AddNode.self, RemoveNode.self,
            SetPlacement.self, SetPublicIP.self, SetHost.self, ClusterSupervise.self,
        ])
}

/// The option that selects a cluster.
struct ClusterName: ParsableArguments {
    @Option(help: "The name of the cluster. Several clusters can run at the same time.")
    var name = "default"

    var cluster: LocalCluster { get throws { try LocalCluster.running(name) } }
}

struct ClusterDown: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Stops a cluster and removes its files.")

    @OptionGroup var which: ClusterName
    @Flag(help: "Stop all clusters of this user.")
    var all = false
    @Flag(help: "Also remove the cached data folders that make starting clusters fast.")
    var purgeCache = false

    func run() async throws {
        for name in all ? LocalCluster.runningNames : [which.name] {
            let found = try await LocalCluster.down(name)
            report(found ? "Cluster '\(name)' is down." : "There is no cluster named '\(name)'.")
        }
        if purgeCache { try LocalCluster.purgeCache() }
    }
}

struct ClusterList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Prints the names of the clusters of this user.")

    func run() async throws {
        for name in LocalCluster.runningNames { print(name) }
    }
}

/// The background process that `up` starts.
struct ClusterSupervise: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "supervise", abstract: "Supervises a cluster; started by 'up'.", shouldDisplay: false)

    @OptionGroup var which: ClusterName

    func run() async throws {
        try Supervisor.runDetached(name: which.name)
    }
}
