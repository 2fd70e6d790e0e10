import Testing
@testable import ApusCluster
