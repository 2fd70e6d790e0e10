import ApusLocalCluster
import ArgumentParser

/// `apus cluster …`
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Runs a cluster of real PostgreSQL servers on this machine that looks like a YugabyteDB cluster.",
        discussion: """
            Every node is a server at a loopback address of its own, 127.0.0.1:5433 and upwards, with the function \
            yb_servers(), the database yugabyte and the superuser yugabyte (password yugabyte).

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

/// Which cluster is meant.
struct ClusterName: ParsableArguments {
    @Option(help: "The cluster's name; several can run side by side.")
    var name = "default"

    var cluster: LocalCluster { get throws { try LocalCluster.running(name) } }
}

struct ClusterDown: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Ends every process of a cluster and removes everything it has on disk.")

    @OptionGroup var which: ClusterName
    @Flag(help: "Take down every cluster of this account.")
    var all = false
    @Flag(help: "Also remove the data folders that are kept for starting clusters fast.")
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
        commandName: "list", abstract: "Prints the names of this account's clusters.")

    func run() async throws {
        for name in LocalCluster.runningNames { print(name) }
    }
}

/// The process in the background that `up` leaves behind.
struct ClusterSupervise: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "supervise", abstract: "Watches over a cluster; started by 'up'.", shouldDisplay: false)

    @OptionGroup var which: ClusterName

    func run() async throws {
        try Supervisor.runDetached(name: which.name)
    }
}
