import Testing
@testable import ApusLocalCluster
