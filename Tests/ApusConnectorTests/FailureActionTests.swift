import ApusPQ
import Testing

@testable import ApusConnector

@Suite("What becomes of a connect when an attempt fails")
struct FailureActionTests {
    /// The whole table: the class of the failure, and the action at a node, at a contact point, and at a source of the
    /// list; first when the place has another address.
    @Test(arguments: [
        (ConnectFailure.Reason.rejected, FailureAction.raise, [FailureAction.raise, .raise, .raise]),
        (.invalidOptions, .raise, [.raise, .raise, .raise]),
        (.system, .raise, [.raise, .raise, .raise]),
        (
            .unreachable, .tryOtherAddress,
            [.leave(quarantine: true), .leave(quarantine: false), .leave(quarantine: true)]
        ),
        (
            .timedOut, .tryOtherAddress,
            [.leave(quarantine: true), .leave(quarantine: false), .leave(quarantine: true)]
        ),
        (
            .unavailable, .tryOtherAddress,
            [.leave(quarantine: true), .leave(quarantine: false), .leave(quarantine: true)]
        ),
        (
            .overloaded, .leave(quarantine: false),
            [.leave(quarantine: false), .leave(quarantine: false), .leave(quarantine: false)]
        ),
        (
            .unsuitable, .leave(quarantine: false),
            [.leave(quarantine: false), .leave(quarantine: false), .leave(quarantine: false)]
        ),
    ])
    func table(_ reason: ConnectFailure.Reason, _ withOther: FailureAction, _ last: [FailureAction]) {
        for (role, expected) in zip([FailureAction.Role.node, .contactPoint, .source], last) {
            #expect(FailureAction(reason, at: role, hasOtherAddress: true) == withOther)
            #expect(FailureAction(reason, at: role, hasOtherAddress: false) == expected)
        }
    }
}
