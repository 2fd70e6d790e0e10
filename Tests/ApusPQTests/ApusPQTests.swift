import Testing
@testable import ApusPQ

@Test func connectAndSelect() throws {
    var machine = ConnectMachine(parameters: [.init("host", "127.0.0.100"), .init("port", "5440"), .init("user", "yugabyte")], timeout: .seconds(2))
    try BlockingWaiter.run(&machine)
    var c = machine.takeConnection()!
    try c.send(query: "select 1 as a, now()")
    while true {
        switch try c.nextResult() {
        case .wait(let w): _ = BlockingWaiter.wait(for: w)
        case .done(let r?): print(r.status, r.text(0, 0) as Any, r.text(0,1) as Any)
        case .done(nil): return
        }
    }
}
@Test(arguments: [[ConnectionParameter("user", "nosuch")], [ConnectionParameter("dbname", "nosuch")], [ConnectionParameter("port", "1")], [ConnectionParameter("sslmode", "require")], [ConnectionParameter("sslmode", "bogus")], [ConnectionParameter("host", "no.such.name.invalid")]])
func failures(_ p: [ConnectionParameter]) throws {
    var machine = ConnectMachine(parameters: [.init("host", "127.0.0.100"), .init("port", "5440"), .init("user", "yugabyte")] + p, timeout: .seconds(2))
    let e = #expect(throws: ConnectFailure.self) { try BlockingWaiter.run(&machine) }
    print(e!.reason, e!.sqlState as Any, e!.message)
}
