import Testing
@testable import ApusPQ
