import ApusPQ
import CApusLibPQ
import Testing

@testable import ApusSessions

/// What needs no connection. Without one, an exchange prepares its message and then fails.
@Suite("An exchange before any answer has come")
struct ExchangeTests {
    /// Starts an exchange.
    /// - Returns: the error, if there was one.
    private static func start(_ exchange: Exchange) -> PQError? {
        var connection: PQConnection?
        do throws(PQError) { _ = try exchange.advance(on: &connection) } catch { return error }
        return nil
    }

    /// An exchange whose message has been prepared, with BEGIN in front.
    private static func joined(ending: Exchange.Ending = .none) -> Exchange {
        let exchange = Exchange(Statement("SELECT 1"), ending: ending)
        exchange.begin(by: "BEGIN", joins: true)
        _ = start(exchange)
        return exchange
    }

    // MARK: Positions

    @Test("Without BEGIN, positions in the message are those in the statements")
    func noPrefix() {
        let exchange = Exchange(Statement("SELECT 1"))
        #expect(Self.start(exchange)?.kind == .connectionLost)
        #expect(!exchange.hasPrefix)
        for position in [1, 2, 1_000] { #expect(exchange.positionInStatements(position) == position) }
        #expect(exchange.prefix(at: 5).characters == 0)
    }

    @Test(
        "BEGIN is on a line of its own in front", arguments: ["BEGIN", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"])
    func joinedPrefix(_ command: String) {
        let exchange = Exchange(Statement("SELECT 1"))
        exchange.begin(by: command, joins: true)
        #expect(!exchange.hasPrefix, "nothing is sent yet")
        #expect(Self.start(exchange)?.message == "the connection is closed")
        let length = command.count + 2
        #expect(exchange.hasPrefix)
        #expect(exchange.prefix(at: nil).characters == length)
        #expect(exchange.prefix(at: 30).lines == 1)
        #expect(exchange.positionInStatements(length + 1) == 1)
        #expect(exchange.positionInStatements(length + 8) == 8)
        #expect(exchange.positionInStatements(1) == 1, "a position in BEGIN is the statements' first")
        #expect(!exchange.hasBegun)
    }

    @Test("BEGIN goes alone if it may not travel with the statements, or if they have parameters")
    func alone() {
        let text = Exchange(Statement("SELECT 1"))
        text.begin(by: "BEGIN", joins: false)
        let call = Exchange(ServerCall("SELECT $1", PQParameters()))
        call.begin(by: "BEGIN", joins: true)
        for exchange in [text, call] {
            #expect(Self.start(exchange)?.kind == .connectionLost)
            #expect(!exchange.hasPrefix)
            #expect(exchange.positionInStatements(3) == 3)
        }
    }

    @Test("The prefix of one of several statements is added to that of the message")
    func severalStatements() {
        for isJoined in [false, true] {
            let exchange = isJoined ? Self.joined() : Exchange(Statement("a\n;\nb"))
            let front = isJoined ? 7 : 0
            var asked: [Int] = []
            exchange.statementPrefix = { position in
                asked.append(position)
                return position < 5 ? StatementPrefix() : StatementPrefix(characters: 4, lines: 2)
            }
            #expect(exchange.hasPrefix)
            #expect(exchange.prefix(at: front + 1).characters == front)
            #expect(exchange.prefix(at: front + 5).characters == front + 4)
            #expect(exchange.prefix(at: front + 5).lines == (isJoined ? 3 : 2))
            #expect(exchange.prefix(at: front + 5).position(front + 5) == 1)
            #expect(asked == [1, 5, 5, 5], "positions in the statements, not in the message")
            #expect(exchange.prefix(at: nil).characters == front, "no statement without a position")
        }
    }

    /// A notice as libpq makes it.
    private static func notice(_ text: String, primary: String?, position: String?) throws -> ServerMessage {
        let result = PQResult(owning: try #require(PQmakeEmptyPGresult(nil, PGRES_FATAL_ERROR)))
        let server = result.error?.server
        var message = try #require(server)
        message.primary = primary
        message.statementPosition = position
        message.encodedText = Array(text.utf8)
        return message
    }

    @Test("Notices show the lines of the statements alone")
    func notices() throws {
        let tail = "LINE 10: x\n         ^\n"
        let own = "LINE 9: x\n        ^\n"
        let notices = try [
            Self.notice("NOTICE:  a\n" + tail, primary: "a", position: "90"),
            Self.notice("NOTICE:  a\nLINE 3: b\n" + tail, primary: "a\nLINE 3: b", position: "90"),
            Self.notice("NOTICE:  a\n" + tail, primary: "a", position: nil),
            Self.notice("NOTICE:  a\n" + tail, primary: "a", position: "many"),
            Self.notice("NOTICE:  a\n", primary: nil, position: "90"),
        ]
        let shown = Self.joined().convertPositions(of: notices)
        #expect(
            shown.map { String(decoding: $0.encodedText, as: UTF8.self) } == [
                "NOTICE:  a\n" + own, "NOTICE:  a\nLINE 3: b\n" + own, "NOTICE:  a\n" + tail, "NOTICE:  a\n" + tail,
                "NOTICE:  a\n",
            ])
        #expect(Exchange(Statement("x")).convertPositions(of: notices) == notices)
    }

    // MARK: The end

    @Test("The loss of the connection can be the answer; another error cannot")
    func loss() throws {
        let exchange = Self.joined()
        #expect(exchange.anomalies == nil)
        #expect(!exchange.recordLoss(PQError(.usage, "no")))
        #expect(!exchange.recordLoss(PQError(.server, "no")))
        #expect(exchange.anomalies == nil, "no other error leaves a trace")
        var connection: PQConnection?
        #expect(try exchange.advanceRecordingLoss(on: &connection) == nil)
        #expect(exchange.anomalies?.loss?.kind == .connectionLost)
        #expect(exchange.result == nil)
        let answer = Exchange.readingResults()
        #expect(Self.start(answer)?.kind == .connectionLost)
    }

    @Test("Without a result there is nothing to take, and no COPY to leave")
    func noResult() {
        let exchange = Exchange(Statement("COPY t FROM STDIN"))
        exchange.expectedCopy = .file
        exchange.abandonCopy()
        #expect(exchange.expectedCopy == .none)
        #expect(exchange.anomalies == nil)
        exchange.endCopy()
        let isEmpty = exchange.takeResult() == nil
        #expect(isEmpty && exchange.result == nil)
    }

    @Test("How a transaction ends")
    func endings() {
        let endings = [Exchange.Ending.none, .commit, .rollback]
        #expect(endings.map { "\($0.command)" } == ["", "COMMIT", "ROLLBACK"])
        #expect(Self.joined(ending: .rollback).ending == .rollback)
        #expect(Exchange(ServerCall("SELECT 1", PQParameters())).ending == .none)
    }

    // MARK: Parts

    private static let statuses: [ResultStatus] = [
        .emptyQuery, .commandOK, .tuplesOK, .copyOut, .copyIn, .badResponse, .nonfatalError, .fatalError, .copyBoth,
        .singleTuple, .pipelineSync, .pipelineAborted, .unknown,
    ]

    @Test("Which COPYs the caller goes on with")
    func copyKinds() {
        #expect(Self.statuses.filter(Exchange.CopyKind.none.contains) == [])
        #expect(Self.statuses.filter(Exchange.CopyKind.file.contains) == [.copyOut, .copyIn])
        #expect(Self.statuses.filter(Exchange.CopyKind.stream.contains) == [.copyBoth])
    }

    @Test("A tally counts commands and results with rows, and the rows as long as all of them say how many")
    func tally() {
        var tally = Exchange.Tally()
        #expect(tally.results == 0 && tally.affectedRows == 0)
        for status in Self.statuses { tally.count(status, 3) }
        #expect(tally.results == 2 && tally.affectedRows == 6, "a command and a result with rows")
        tally.count(.emptyQuery, nil)
        tally.count(.fatalError, nil)
        #expect(tally.affectedRows == 6, "an error says nothing")
        tally.count(.commandOK, nil)
        #expect(tally.results == 3 && tally.affectedRows == nil)
        tally.count(.commandOK, 1)
        #expect(tally.results == 4 && tally.affectedRows == nil)
    }
}
