import Testing
@testable import ApusConnector
