// swift-tools-version:6.2
import PackageDescription

// The rooms, from the bottom up. A room imports only rooms below it: see CONTRIBUTING.md.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "apus",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Apus", targets: ["Apus"]),
        .library(name: "ApusLocalCluster", targets: ["ApusLocalCluster"]),
        .library(name: "_psycopg", type: .dynamic, targets: ["ApusPsycopg"]),
        // For Benchmarks alone; not public API.
        .library(name: "_ApusCluster", targets: ["ApusCluster"]),
        .executable(name: "apus", targets: ["ApusCLI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // C headers and inline shims; no logic.
        .systemLibrary(
            name: "CApusLibPQ", pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .systemLibrary(
            name: "CApusPython", pkgConfig: "python3",
            providers: [.apt(["python3-dev"]), .brew(["python3"])]),

        .systemLibrary(
            name: "CApusOpenSSL", pkgConfig: "openssl",
            providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),

        // What Swift cannot reach in the C library.
        .target(name: "CApusSystem"),
        .target(name: "ApusWaiting", dependencies: ["CApusSystem"], swiftSettings: settings),

        // Pure: no I/O, no Foundation.
        .target(name: "ApusValues", swiftSettings: settings),
        .target(name: "ApusCluster", dependencies: ["ApusWaiting"], swiftSettings: settings),

        // The engine.
        .target(name: "ApusPQ", dependencies: ["CApusLibPQ", "ApusWaiting"], swiftSettings: settings),
        .target(
            name: "ApusConnector", dependencies: ["ApusPQ", "ApusCluster", "ApusWaiting"],
            swiftSettings: settings),

        // The two faces.
        .target(
            name: "Apus",
            dependencies: [
                "ApusConnector", "ApusPQ", "ApusCluster", "ApusValues", "ApusWaiting", "CApusLibPQ",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "ApusPsycopg",
            dependencies: [
                "ApusConnector", "ApusPQ", "ApusCluster", "ApusValues", "ApusWaiting", "CApusLibPQ", "CApusPython",
            ],
            swiftSettings: settings),

        // A cluster of real servers on one machine, for tests, demos and curious people.
        .target(
            name: "ApusLocalCluster",
            dependencies: ["CApusOpenSSL", .product(name: "Subprocess", package: "swift-subprocess")],
            swiftSettings: settings),
        .executableTarget(
            name: "ApusCLI",
            dependencies: [
                "Apus", "ApusLocalCluster",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),

        // The Swift driver's half of `make demo`.
        .executableTarget(name: "ApusDemo", dependencies: ["Apus"], swiftSettings: settings),

        .testTarget(name: "ApusValuesTests", dependencies: ["ApusValues"], swiftSettings: settings),
        .testTarget(name: "ApusWaitingTests", dependencies: ["ApusWaiting"], swiftSettings: settings),
        .testTarget(
            name: "ApusClusterTests", dependencies: ["ApusCluster", "ApusWaiting"], swiftSettings: settings),
        .testTarget(name: "ApusPQTests", dependencies: ["ApusPQ", "ApusWaiting", "ApusLocalCluster"], swiftSettings: settings),
        .testTarget(
            name: "ApusConnectorTests", dependencies: ["ApusConnector", "ApusWaiting", "ApusLocalCluster"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusTests",
            dependencies: [
                "Apus", "ApusPQ", "CApusLibPQ", "ApusLocalCluster", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "ApusLocalClusterTests", dependencies: ["ApusLocalCluster", "ApusPQ"], swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
