import Testing
@testable import ApusValues
