import ArgumentParser

@main
struct ApusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus", abstract: "Tools for the Apus driver.", subcommands: [ClusterCommand.self])
}
