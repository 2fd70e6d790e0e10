// swift-tools-version:6.2
import PackageDescription

// The engine and its two faces. A target imports the targets that it names here and no others: `make lint` checks it, and
// draws the picture in CONTRIBUTING.md from this file. Tools/Package.swift has the command line, the local cluster and
// the tests that need servers, because a user of this package needs none of their dependencies.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "apus",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Apus", targets: ["Apus"]),
        .library(name: "_psycopg", type: .dynamic, targets: ["ApusPsycopg"]),
        // For Tools and Benchmarks; not public API.
        .library(
            name: "_ApusEngine",
            targets: ["ApusConnector", "ApusPQ", "ApusCluster", "ApusValues", "ApusWaiting"]),
        .library(name: "_CApusLibPQ", targets: ["CApusLibPQ"]),
    ],
    traits: [
        .trait(name: "SwiftAPI", description: "Product Apus. The Python extension is built without its dependencies."),
        .default(enabledTraits: ["SwiftAPI"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2")
    ],
    targets: [
        // C headers and inline shims; no logic.
        .systemLibrary(
            name: "CApusLibPQ", pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .systemLibrary(
            name: "CApusPython", pkgConfig: "python3",
            providers: [.apt(["python3-dev"]), .brew(["python3"])]),
        // The layouts of the extension's objects. Its headers are CApusPython's.
        .systemLibrary(name: "CApusPsycopg"),

        // The ground floor: what Swift cannot reach in the C library, and waiting.
        .target(name: "CApusSystem"),
        .target(name: "ApusWaiting", dependencies: ["CApusSystem"], swiftSettings: settings),

        // Pure: no I/O, no Foundation.
        .target(name: "ApusValues", swiftSettings: settings),
        .target(name: "ApusCluster", dependencies: ["ApusWaiting"], swiftSettings: settings),

        // The engine.
        .target(name: "ApusPQ", dependencies: ["CApusLibPQ", "ApusWaiting"], swiftSettings: settings),
        .target(
            name: "ApusSessions", dependencies: ["ApusPQ", "ApusValues", "ApusWaiting"], swiftSettings: settings),
        .target(
            name: "ApusConnector", dependencies: ["ApusPQ", "ApusCluster", "ApusWaiting"], swiftSettings: settings),

        .target(name: "ApusPython", dependencies: ["CApusPython"], swiftSettings: settings),

        // The two faces.
        .target(
            name: "Apus",
            dependencies: [
                "ApusConnector", "ApusSessions", "ApusPQ", "ApusCluster", "ApusValues", "ApusWaiting",
                .product(name: "Logging", package: "swift-log", condition: .when(traits: ["SwiftAPI"])),
            ],
            swiftSettings: settings),
        .target(
            name: "ApusPsycopg",
            dependencies: [
                "ApusConnector", "ApusSessions", "ApusPQ", "ApusCluster", "ApusValues", "ApusWaiting",
                "ApusPython", "CApusPsycopg",
            ],
            swiftSettings: settings),

        .testTarget(name: "ApusWaitingTests", dependencies: ["ApusWaiting"], swiftSettings: settings),
        .testTarget(name: "ApusValuesTests", dependencies: ["ApusValues"], swiftSettings: settings),
        .testTarget(
            name: "ApusClusterTests", dependencies: ["ApusCluster"], swiftSettings: settings),
        .testTarget(
            name: "ApusSessionsTests",
            dependencies: ["ApusSessions", "ApusPQ", "ApusValues", "ApusWaiting", "CApusLibPQ"],
            swiftSettings: settings),
        .testTarget(
            name: "ApusConnectorTests", dependencies: ["ApusConnector", "ApusPQ", "ApusCluster", "ApusWaiting"],
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
