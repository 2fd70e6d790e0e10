// swift-tools-version:6.2
import PackageDescription

// A package as users write it: it depends on product `Apus` alone. Scripts/test-consumer builds it without Python.
let package = Package(
    name: "consumer",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "apus", path: "../..")],
    targets: [
        .executableTarget(name: "Consumer", dependencies: [.product(name: "Apus", package: "apus")])
    ]
)
