import ApusSessions
import Testing

@Suite("The command that starts a transaction")
struct TransactionSettingsTests {
    @Test("All combinations of the settings")
    func combinations() {
        let isolations: [(TransactionSettings.Isolation?, String)] = [
            (nil, ""), (.readCommitted, " ISOLATION LEVEL READ COMMITTED"),
            (.repeatableRead, " ISOLATION LEVEL REPEATABLE READ"), (.serializable, " ISOLATION LEVEL SERIALIZABLE"),
            (.readUncommitted, " ISOLATION LEVEL READ UNCOMMITTED"),
        ]
        let accesses: [(Bool?, String)] = [(nil, ""), (true, " READ ONLY"), (false, " READ WRITE")]
        let deferrables: [(Bool?, String)] = [(nil, ""), (true, " DEFERRABLE"), (false, " NOT DEFERRABLE")]
        var commands: Set<String> = []
        for (isolation, isolationText) in isolations {
            for (readonly, accessText) in accesses {
                for (deferrable, deferrableText) in deferrables {
                    var settings = TransactionSettings()
                    settings.isolation = isolation
                    settings.readonly = readonly
                    settings.deferrable = deferrable
                    #expect(settings.begin == "BEGIN" + isolationText + accessText + deferrableText)
                    let command = settings.begin
                    settings.autocommit = true
                    #expect(settings.begin == command, "autocommit is not a part of the command")
                    commands.insert(command)
                }
            }
        }
        #expect(commands.count == 45)
        #expect(TransactionSettings().begin == "BEGIN")
    }

    @Test("psycopg2's numbers of the isolation levels")
    func numbers() {
        let numbers = (0...5).map { TransactionSettings.Isolation(rawValue: $0)?.sql }
        #expect(
            numbers == [nil, "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "READ UNCOMMITTED", nil])
    }

    @Test("Each name of a setting is a bit of its own")
    func names() {
        let all: TransactionSettings.Names = [.isolation, .readonly, .deferrable]
        #expect(all.rawValue == 7)
        #expect(TransactionSettings.Names.isolation.isDisjoint(with: [.readonly, .deferrable]))
        #expect(TransactionSettings.Names.readonly.isDisjoint(with: .deferrable))
    }
}
