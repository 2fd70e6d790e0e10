import ApusPQ
import Testing

@testable import ApusConnector

@Suite struct ConnectionStringTests {
    private func pairs(_ text: String) throws -> [String: String] {
        Dictionary(try ConnectionString(text).parameters.map { ($0.keyword, $0.value) }, uniquingKeysWith: { $1 })
    }

    @Test(arguments: [
        ("host=h port=1", ["host": "h", "port": "1"]),
        ("  host = h   user='a b' ", ["host": "h", "user": "a b"]),
        (#"password='it\'s \\ here' host=h"#, ["password": #"it's \ here"#, "host": "h"]),
        (#"password=a\ b"#, ["password": "a b"]),
        ("password=''", ["password": ""]),
        ("load_balance='true'", ["load_balance": "true"]),
        ("load-balance=any TOPOLOGY_KEYS=a.b.c", ["load_balance": "any", "topology_keys": "a.b.c"]),
        ("failed_host_reconnect_delay_secs=7", ["failed_host_ttl_seconds": "7"]),
        ("application_name='x load_balance=maybe y'", ["application_name": "x load_balance=maybe y"]),
        ("", [:]),
    ])
    func keywordsAndValues(_ text: String, _ expected: [String: String]) throws { #expect(try pairs(text) == expected) }

    @Test(arguments: [
        (
            "postgresql://u:p@h:1/d?load_balance=true&sslmode=disable",
            [
                "user": "u", "password": "p", "host": "h", "port": "1", "dbname": "d", "load_balance": "true",
                "sslmode": "disable",
            ]
        ),
        (
            "postgres://h/d?load_balance=true&topology_keys=c.r.z1%2Cc.r.z2:2&application_name=x",
            [
                "host": "h", "dbname": "d", "load_balance": "true", "topology_keys": "c.r.z1,c.r.z2:2",
                "application_name": "x",
            ]
        ),
        (
            "postgresql://u:a?load_balance=no@h/d?load_balance=any",
            ["user": "u", "password": "a?load_balance=no", "host": "h", "dbname": "d", "load_balance": "any"]
        ),
        (
            "postgresql://[::1]:5433,h2:5434/?load_balance=prefer-rr",
            ["host": "::1,h2", "port": "5433,5434", "load_balance": "prefer-rr"]
        ),
        ("postgresql://?load%5Fbalance=%74rue", ["load_balance": "true"]),
        ("postgresql://%C3%A9:%C3%A8%3A@h/%F0%9F%90%9C", ["user": "é", "password": "è:", "host": "h", "dbname": "🐜"]),
        (
            "postgresql://db@db/db?failed-host-ttl-seconds=3",
            ["user": "db", "host": "db", "dbname": "db", "failed_host_ttl_seconds": "3"]
        ),
    ])
    func uris(_ text: String, _ expected: [String: String]) throws { #expect(try pairs(text) == expected) }

    @Test(arguments: [
        ("host", "missing \"=\" after \"host\""), ("password='x", "unterminated quoted string"),
        ("nonsense=1", "invalid connection option \"nonsense\""),
        ("postgresql://h?load_balance", "missing key/value separator"),
        ("postgresql://h?load_balance=a=b", "extra key/value separator"),
        ("postgresql://h?load_balance=%zz", "invalid percent-encoded token"),
        ("postgresql://u%E9@h", "the percent-encoded bytes in the user of the URI are not UTF-8"),
        ("postgresql://u:caf%E9@h", "the percent-encoded bytes in the password of the URI are not UTF-8"),
        ("postgresql://u@%FFh", "the percent-encoded bytes in a host or port of the URI are not UTF-8"),
        ("postgresql://u@h/%C3%A9%C3", "the percent-encoded bytes in the database of the URI are not UTF-8"),
        ("postgresql://h?options=%80", "the percent-encoded bytes in the value of options of the URI are not UTF-8"),
        (
            "postgresql://h?topology_keys=%80",
            "the percent-encoded bytes in the value of topology_keys of the URI are not"
        ),
        ("postgresql://h?bogus=1&load_balance=any", "bogus"),
    ])
    func malformed(_ text: String, _ words: String) {
        let error = #expect(throws: PQError.self) { try ConnectionString(text) }
        #expect(error?.kind == .options)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    /// Any value arrives unchanged, through our parser and through that of libpq.
    @Test func valuesSurvive() throws {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("ab '\\=?&%,:/@\t\u{e9}\u{1F426}host=port=load_balance=true")
        for _ in 0..<2000 {
            let value = String(
                (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                    alphabet.randomElement(using: &generator) ?? "x"
                })
            let text = ConnectionParameter.format([
                .init("password", value), .init("host", "h"), .init("load_balance", "any"),
            ])
            let parsed = try ConnectionString(text).parameters
            #expect(parsed.first == ConnectionParameter("password", value))
            let theirs = try ConnectionParameter.parse(
                ConnectionParameter.format([.init("password", value), .init("host", "h")]))
            #expect(theirs.first { $0.keyword == "password" }?.value == value)
        }
    }
}
