import ApusPQ
import ApusWaiting
import Testing

@testable import ApusConnector

@Suite("No error shows a password")
struct SecretTests {
    /// Malformed strings whose password is `s3cret-w0rd`, whole or in parts, and words that the message still has.
    @Test(arguments: [
        ("postgresql://u:s3cret%zzw0rd@h/db", "percent-encoded token in the password"),
        ("postgresql://u%zz:s3cret@h/db", "percent-encoded token in the user"),
        ("postgresql://u:s3cret%00w0rd@h/db", "percent-encoded token in the password"),
        ("postgresql://u:s3cret@h%zz/db", "percent-encoded token in a host"),
        ("postgresql://u:s3cret@h/d%zb", "percent-encoded token in the database"),
        ("postgresql://u:s3cret@[::1/db", "no matching \"]\""),
        ("postgresql://u:s3cret@[]/db", "IPv6 host address in the URI is empty"),
        ("postgresql://u:s3cret@[::1]x/db", "unexpected character"),
        ("postgresql://u:s3cret@h/db?bogus=1", "invalid URI query parameter: \"bogus\""),
        ("postgresql://u:s3cret@h/db?bogus", "missing key/value separator"),
        ("postgresql://u:s3cret@h/db?port=1=2", "extra key/value separator"),
        ("postgresql://h/db?password=s3cret%zz", "the value of password"),
        ("postgresql://h/db?sslpassword=s3cret%zz", "the value of sslpassword"),
        ("postgresql://u:pa/ss?s3cret=1&w0rd@h/db", "percent-encoded: / (%2F)"),
        ("postgresql://u:p@s3cret?w0rd@h/db", "percent-encoded: / (%2F)"),
        ("password=my s3cret host=h", "a word behind the value of \"password\""),
        ("password=my s3cret=w0rd", "a word behind the value of \"password\""),
        ("sslpassword=my s3cret", "a word behind the value of \"sslpassword\""),
        ("pasword=my s3cret", "a word behind the value of \"pasword\""),
        ("password='it's3cret w0rd'", "a word"),
        ("password=my host s3cret=w0rd", "a word behind the value"),
        ("postgre://u:s3cret@h/db", "a URI begins with \"postgresql://\""),
        ("postgresql+psycopg2://u:s3cret@h/db?sslmode=require", "a URI begins with"),
        ("jdbc:postgresql://h/db?password=s3cret", "a URI begins with"),
        ("Postgresql://u:s3cret@h/db", "a URI begins with"),
        ("postgresql://\u{301}u:s3cret@h/d%zz", "percent-encoded"),
        ("password='s3cret", "unterminated quoted string"),
    ])
    func malformed(_ text: String, _ help: String) {
        let error = #expect(throws: PQError.self) { try ConnectionString(text) }
        let message = error?.message ?? ""
        #expect(error?.kind == .options)
        #expect(!message.contains("s3cret") && !message.contains("w0rd"), "\(message)")
        #expect(message.contains(help), "\(message)")
    }

    /// Strings that libpq parses and rejects when it connects: a part of the password stands for a port or host.
    @Test(arguments: [
        "postgresql://u:s3cret/w0rd@h/db", "postgresql://u:p@s3cret:w0rd@h/db", "postgresql://u:p@s3cret@h/db",
        "postgresql://u:s3cret/db", "postgresql://u:s3cret", "postgresql://u:s3cret?w0rd",
    ])
    func misplaced(_ text: String) throws {
        for balance in ["", "load_balance"] {
            let keywords = balance.isEmpty ? [] : [ConnectionParameter(balance, "true")]
            let error = #expect(throws: PQError.self) {
                let options = try ConnectionOptions(text, keywords: keywords, environment: { _ in nil })
                var machine = BalancedConnect(options)
                try BlockingWaiter.run(&machine)
            }
            let message = error?.message ?? ""
            #expect(!message.contains("s3cret") && !message.contains("w0rd"), "\(message)")
            #expect(message.contains("URI"), "\(message)")
        }
    }

    @Test("What cannot be a part of a password is shown as ever")
    func shown() throws {
        func message(_ text: String) -> String {
            do { _ = try ConnectionString(text) } catch { return error.message }
            return ""
        }
        #expect(message("host") == "missing \"=\" after \"host\" in connection info string")
        #expect(message("host=h nonsense=1") == "invalid connection option \"nonsense\"")
        #expect(message("host=h nonsense=1 password=x") == "invalid connection option \"nonsense\"")
        #expect(message("postgresql://h/?load_balance=%zz").contains("\"%zz\""))
        #expect(message("postgresql://u:p@h/?sslmode=%zz").contains("\"%zz\""))
        #expect(message("postgresql://h:5433/d?bogus=1") == "invalid URI query parameter: \"bogus\"")
        let options = try ConnectionOptions("postgresql://u:p@h:notaport/d", environment: { _ in nil })
        var machine = BalancedConnect(options)
        let error = #expect(throws: PQError.self) { try BlockingWaiter.run(&machine) }
        #expect(error?.message.contains("notaport") == true, "it is clear where the password ends")
        // A socket in the abstract namespace and an "@" in a query are valid.
        #expect(ConnectionURI("postgresql://u:p@@abstract/d").misplacedPassword == nil)
        #expect(ConnectionURI("postgresql://u:p@h:1,[::1]:2/d?application_name=a@b").misplacedPassword == nil)
    }

    @Test("Printing options shows no password")
    func printed() throws {
        let options = try ConnectionOptions(
            "host=h password=s3cret sslpassword='w0rd x' load_balance=any", environment: { _ in nil })
        var text = "\(options) \(String(reflecting: options))"
        dump(options, to: &text)
        for parameter in options.parameters {
            text += "\(parameter) \(String(reflecting: parameter))"
            dump(parameter, to: &text)
        }
        #expect(!text.contains("s3cret") && !text.contains("w0rd"), "\(text)")
        #expect(text.contains("host=h") && text.contains("password=xxx"))
        #expect(
            ConnectionString.hidingSecrets(in: "postgresql://u:s3cret@h/d") == "user=u password=xxx dbname=d host=h")
        #expect(ConnectionString.hidingSecrets(in: "password=a s3cret") == "(malformed)")
        #expect(ConnectionString.hidingSecrets(in: "host=h") == "host=h")
    }
}
