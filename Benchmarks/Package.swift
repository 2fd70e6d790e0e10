// swift-tools-version:6.2
import PackageDescription

// One folder per benchmark. They are a separate package, so that users do not build them.
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
