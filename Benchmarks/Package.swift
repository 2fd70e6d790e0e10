// swift-tools-version:6.2
import PackageDescription

// Benchmarks of the parts, one folder each; in a package of their own so that no user builds them.
let package = Package(
    name: "apus-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "apus", path: "..")],
    targets: [
        .executableTarget(
            name: "BenchCluster", dependencies: [.product(name: "_ApusEngine", package: "apus")], path: "cluster",
            exclude: ["run"]),
        .executableTarget(
            name: "BenchConnection", dependencies: [.product(name: "Apus", package: "apus")], path: "connection",
            exclude: ["run"]),
    ],
    swiftLanguageModes: [.v6]
)
