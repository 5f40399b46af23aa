// swift-tools-version: 6.2
import PackageDescription

// Warnings are errors, in Swift and in C, for this package alone.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// Tests read their fixtures by path, so the files are not resources of a bundle.
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, swiftSettings: strict)
}

let package = Package(
  name: "kelvin",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Kelvin", targets: ["Kelvin"]),
    .executable(name: "kelvin", targets: ["KelvinCommands"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  // The walls, as a table: a target may import exactly what stands beside it; `WallsTests` reads every import.
  targets: [
    .target(
      name: "CKelvinKernels",
      cSettings: [.treatAllWarnings(as: .error), .enableWarning("all"), .enableWarning("extra")]),
    library("KelvinTensors", ["CKelvinKernels"]),
    library("KelvinAttention", ["KelvinTensors"]),
    .target(
      name: "KelvinPolicies", swiftSettings: strict,
      // Rounding is a call into libm, which a program without Foundation does not link by itself.
      linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),
    library("KelvinCache", ["KelvinTensors", "KelvinAttention", "KelvinPolicies"]),
    library("KelvinModels", ["KelvinTensors", "KelvinAttention"]),
    library("KelvinCheckpoints", ["KelvinTensors"]),
    library("KelvinText"),
    library(
      "KelvinEngine",
      [
        "KelvinTensors", "KelvinAttention", "KelvinPolicies", "KelvinCache", "KelvinModels",
        "KelvinCheckpoints", "KelvinText",
      ]),
    library("Kelvin", ["KelvinPolicies", "KelvinCache", "KelvinModels", "KelvinText", "KelvinEngine"]),
    .executableTarget(
      name: "KelvinCommands",
      dependencies: [
        "KelvinTensors", "KelvinAttention", "KelvinPolicies", "KelvinCache", "KelvinModels",
        "KelvinCheckpoints", "KelvinText", "KelvinEngine",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .target(name: "TestSupport", dependencies: ["KelvinTensors"], path: "Tests/TestSupport", swiftSettings: strict),
    .target(
      name: "TestModels",
      dependencies: [
        "KelvinTensors", "KelvinAttention", "KelvinPolicies", "KelvinCache", "KelvinModels", "KelvinCheckpoints",
        "TestSupport",
      ], path: "Tests/TestModels", swiftSettings: strict),
    tests("WallsTests", []),
    tests("DocumentationTests", ["KelvinPolicies"]),
    tests("CommandTests", []),
    tests("CKelvinKernelsTests", ["CKelvinKernels"]),
    tests("KelvinTensorsTests", ["KelvinTensors"]),
    tests("KelvinPoliciesTests", ["KelvinPolicies"]),
    tests("KelvinCacheTests", ["KelvinTensors", "KelvinAttention", "KelvinPolicies", "KelvinCache", "TestModels"]),
    tests("KelvinTextTests", ["KelvinText"], exclude: ["Fixtures"]),
    tests(
      "KelvinCheckpointsTests", ["KelvinCheckpoints", "KelvinTensors", "KelvinModels", "KelvinAttention"],
      exclude: ["Fixtures"]),
    tests(
      "KelvinModelsTests",
      [
        "KelvinModels", "KelvinTensors", "KelvinAttention", "KelvinPolicies", "KelvinCache", "KelvinCheckpoints",
        "TestModels",
      ]),
    tests(
      "KelvinEngineTests",
      [
        "KelvinEngine", "KelvinTensors", "KelvinAttention", "KelvinPolicies", "KelvinCache", "KelvinModels",
        "KelvinCheckpoints", "KelvinText", "TestModels",
      ]),
    tests(
      "Laws",
      ["KelvinTensors", "KelvinAttention", "KelvinPolicies", "KelvinCache", "KelvinModels", "TestModels"]),
    tests(
      "GoldenTests",
      [
        "KelvinTensors", "KelvinPolicies", "KelvinCache", "KelvinCheckpoints", "KelvinText", "KelvinEngine",
        "TestModels",
      ]),
  ],
  swiftLanguageModes: [.v6]
)
