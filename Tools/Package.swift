// swift-tools-version:6.2
import PackageDescription

// The command line `apus`, the cluster of real servers on one machine that it starts, the demo's Swift program, and the
// tests that need servers. A package of its own, so that users of the driver do not fetch what only these need.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let apus = Target.Dependency.product(name: "Apus", package: "apus")
let engine = Target.Dependency.product(name: "_ApusEngine", package: "apus")
let libpq = Target.Dependency.product(name: "_CApusLibPQ", package: "apus")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "apus-tools",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "apus", targets: ["ApusCLI"]),
        .library(name: "ApusLocalCluster", targets: ["ApusLocalCluster"]),
    ],
    dependencies: [
        .package(name: "apus", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        .systemLibrary(
            name: "CApusOpenSSL", pkgConfig: "openssl",
            providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
        .target(
            name: "ApusLocalCluster",
            dependencies: ["CApusOpenSSL", .product(name: "Subprocess", package: "swift-subprocess")],
            swiftSettings: settings),
        .executableTarget(
            name: "ApusCLI",
            dependencies: [
                "ApusLocalCluster", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),

        // The Swift driver's half of `make demo`.
        .executableTarget(name: "ApusDemo", dependencies: [apus], swiftSettings: settings),

        .testTarget(
            name: "ApusLocalClusterTests", dependencies: ["ApusLocalCluster"], swiftSettings: settings),
        .testTarget(
            name: "ApusPQServerTests", dependencies: [engine, libpq, "ApusLocalCluster"], swiftSettings: settings),
        .testTarget(
            name: "ApusConnectorServerTests", dependencies: [engine, "ApusLocalCluster"], swiftSettings: settings),
        .testTarget(
            name: "ApusServerTests", dependencies: [apus, engine, libpq, logging, "ApusLocalCluster"],
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
