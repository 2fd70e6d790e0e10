import ApusSessions
import Testing

@Suite("Stopping a statement, with a clock that is a parameter")
struct CancellationTests {
    private let start = Duration.seconds(1_000)
    private func at(_ milliseconds: Int) -> Duration { start + .milliseconds(milliseconds) }

    @Test("One request is sent at once, and the answer ends it")
    func usual() {
        var cancellation = Cancellation(now: start, grace: .seconds(10))
        #expect(cancellation.next(start) == .sendRequest)
        #expect(cancellation.next(start) == .wait(until: at(10_000)), "one at a time")
        cancellation.requestEnded(at(3))
        #expect(cancellation.next(at(4)) == .wait(until: at(253)))
        cancellation.answered()
        #expect(cancellation.next(at(5)) == .over)
        #expect(cancellation.isOver)
    }

    @Test("A request without effect is sent again, each time after twice the pause")
    func backOff() {
        var cancellation = Cancellation(now: start, grace: .seconds(10))
        var sent: [Int] = []
        for millisecond in 0..<10_000 {
            if cancellation.next(at(millisecond)) == .sendRequest {
                sent.append(millisecond)
                cancellation.requestEnded(at(millisecond))
            }
        }
        #expect(sent == [0, 250, 750, 1_750, 3_750, 7_750])
        #expect(cancellation.next(at(10_000)) == .giveUp)
    }

    @Test("While a request is on its way, the next statement has to wait, although the answer is there")
    func lateRequest() {
        var cancellation = Cancellation(now: start, grace: .seconds(10))
        #expect(cancellation.next(start) == .sendRequest)
        cancellation.answered()
        #expect(!cancellation.isOver)
        #expect(cancellation.next(at(1)) == .wait(until: at(10_000)))
        cancellation.requestEnded(at(2))
        #expect(cancellation.isOver)
        #expect(cancellation.next(at(2)) == .over)
    }

    @Test("A request that is never delivered is told apart from a statement that does not end")
    func undelivered() {
        for isAnswered in [false, true] {
            var cancellation = Cancellation(now: start, grace: .seconds(10))
            #expect(cancellation.next(start) == .sendRequest)
            if isAnswered { cancellation.answered() }
            #expect(cancellation.next(at(9_999)) == .wait(until: at(10_000)))
            #expect(cancellation.next(at(10_000)) == (isAnswered ? .undelivered : .giveUp))
        }
    }

    @Test("Without grace no request is sent, and the session is given up at once")
    func noGrace() {
        var cancellation = Cancellation(now: start, grace: .zero)
        #expect(cancellation.next(start) == .giveUp)
    }

    @Test("An answer that comes first is enough")
    func answeredFirst() {
        var cancellation = Cancellation(now: start, grace: .seconds(10))
        cancellation.answered()
        #expect(cancellation.next(start) == .over, "no request for a statement that has ended")
    }

    @Test("Asking again within a second changes nothing; later the session is given up")
    func impatience() {
        var cancellation = Cancellation(now: start, grace: .seconds(10))
        #expect(cancellation.next(start) == .sendRequest)
        // The statement is being stopped because of a time-out; this is the first request of the user.
        cancellation.hurry(at(3_000))
        #expect(cancellation.next(at(3_000)) == .wait(until: at(10_000)))
        cancellation.hurry(at(3_999))
        #expect(cancellation.next(at(3_999)) == .wait(until: at(10_000)))
        cancellation.hurry(at(4_000))
        #expect(cancellation.next(at(4_000)) == .giveUp)
    }

    @Test("Where only the delivery is waited for, asking again leaves it a second, and then none")
    func impatienceAfterTheAnswer() {
        var cancellation = Cancellation(now: start, grace: .seconds(10))
        #expect(cancellation.next(start) == .sendRequest)
        cancellation.answered()
        cancellation.hurry(at(100))
        #expect(cancellation.next(at(100)) == .wait(until: at(1_100)))
        cancellation.hurry(at(200))
        #expect(cancellation.next(at(200)) == .giveUp)
    }

    @Test("In whatever order events come, two requests never overlap, and after the end there is none")
    func randomOrders() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            var cancellation = Cancellation(now: start, grace: .milliseconds(Int.random(in: 0...5_000, using: &random)))
            var isOnItsWay = false
            var now = start
            var isAnswered = false
            steps: for _ in 0..<60 {
                now += .milliseconds(Int.random(in: 0...400, using: &random))
                switch Int.random(in: 0..<5, using: &random) {
                case 0:
                    cancellation.answered()
                    isAnswered = true
                case 1 where isOnItsWay:
                    cancellation.requestEnded(now)
                    isOnItsWay = false
                case 2: cancellation.hurry(now)
                default: break
                }
                switch cancellation.next(now) {
                case .sendRequest:
                    #expect(!isOnItsWay && !isAnswered)
                    isOnItsWay = true
                case .wait(let moment):
                    #expect(moment > now && moment <= cancellation.givesUpAt)
                case .over:
                    #expect(isAnswered && !isOnItsWay)
                    break steps
                case .giveUp, .undelivered:
                    #expect(!(isAnswered && !isOnItsWay))
                    break steps
                }
            }
        }
    }
}
