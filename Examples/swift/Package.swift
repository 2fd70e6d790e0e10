// swift-tools-version:6.2
import PackageDescription

// The README's example and a longer tour, as a package of their own, as users write it: it depends on product `Apus` alone.
let package = Package(
    name: "balanced",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "apus", path: "../..")],
    targets: [
        .executableTarget(name: "Balanced", dependencies: [.product(name: "Apus", package: "apus")]),
        .executableTarget(name: "Tour", dependencies: [.product(name: "Apus", package: "apus")]),
    ]
)
