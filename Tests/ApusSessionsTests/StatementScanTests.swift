import ApusSessions
import Testing

@Suite("Statements that can stand behind one another in a message")
struct StatementScanTests {
    private static func isWhole(_ text: String, _ doublesBackslashes: Bool = false) -> Bool {
        lending(text) { StatementScan.isComplete($0, doublesBackslashes: doublesBackslashes) }
    }

    private static func mayJoin(_ text: String) -> Bool { lending(text) { StatementScan.mayJoin(template: $0) } }

    // MARK: Statements

    @Test(
        "Whole, whatever backslashes mean in a plain literal",
        arguments: [
            "", " ", "SELECT 1", "SELECT 'a'", "SELECT ''", "SELECT ''''", "SELECT 'it''s; --'",
            "SELECT \"a;b\"", "SELECT \"a\"\"b\"", "SELECT \"it's\"", "SELECT $$a;'b$$", "SELECT $a$ $$;$b$ $a$",
            "SELECT $é1$;$é1$", "SELECT $1, $2", "-- it's; \"", "SELECT 1 -- ;\n, 2",
            "SELECT 1 -- ;\r, 'a'", "/* ; ' \" $$ */ SELECT 1", "/* a /* ; */ ' */ SELECT 1", "/**/", "/***/ SELECT",
            "/*/ ; */ SELECT", "SELECT 2 */ 1", "SELECT E'a'", "SELECT e'it\\'s; '", "SELECT E'\\\\'",
            "SELECT E'''\\''",
            "SELECT N'a', n''", "SELECT (E'\\'')", "SELECT 1-1", "SELECT 4/2*3", "SELECT 'é€🐝'", "SELECT é",
        ])
    func whole(_ text: String) {
        #expect(Self.isWhole(text, false) && Self.isWhole(text, true))
        #expect(ReferenceLexer.isWhole(text, doublesBackslashes: false))
        #expect(ReferenceLexer.isWhole(text, doublesBackslashes: true))
    }

    @Test(
        "Not a single, closed statement, whatever backslashes mean in a plain literal",
        arguments: [
            ";", "SELECT 1;", "SELECT 1; SELECT 2", "SELECT 'a", "SELECT 'a''", "SELECT '''", "SELECT \"a",
            "SELECT $$a",
            "SELECT $a$ $$", "SELECT $a$ $A$", "/*", "/* /* */", "/*/", "SELECT 1 /* ;", "SELECT E'\\'", "SELECT e'\\",
            "SELECT 'a' -- '\n;", "SELECT 1 -- a\n; SELECT 2", "SELECT 1 -- a\r;", "SELECT \0",
            "SELECT $1;", "SELECT a -/* ;", "SELECT \"a\\\";\"",
        ])
    func notWhole(_ text: String) {
        #expect(!Self.isWhole(text, false) && !Self.isWhole(text, true))
    }

    @Test("A backslash escapes in a plain literal only where the server says so")
    func backslashes() {
        for (text, plain, escaping) in [
            ("SELECT '\\'", true, false), ("SELECT '\\''", false, true), ("SELECT '\\'; --'", false, true),
            ("SELECT '\\\\'", true, true), ("SELECT n'\\'", true, false), ("SELECT N'\\'''", true, false),
            ("SELECT '\\\\''", false, false), ("SELECT '\\''; --'''", true, false), ("SELECT 'a' 'b'", true, false),
            ("SELECT b'01', X'FF'", true, false), ("SELECT \"\\\"", true, true), ("SELECT $$\\$$", true, true),
        ] {
            #expect(Self.isWhole(text, false) == plain, "\(text)")
            #expect(Self.isWhole(text, true) == escaping, "\(text)")
            #expect(ReferenceLexer.isWhole(text, doublesBackslashes: false) == plain, "\(text)")
            if escaping { #expect(ReferenceLexer.isWhole(text, doublesBackslashes: true), "\(text)") }
        }
    }

    @Test(
        "Where it is uncertain, the answer is no",
        arguments: [
            // Which kind of literal it is.
            "SELECT name'a'", "SELECT 1e'a'", "SELECT é'a'", "SELECT _'a'", "SELECT $e'a'", "SELECT r'a'",
            // Whether a dollar begins a literal.
            "SELECT a$", "SELECT $1$2", "SELECT a$$b$$", "SELECT $1$$a$$", "SELECT $$a$$$$b$$",
            // Whether the literal goes on in the next line, with its backslashes.
            "SELECT E'a'\n'b'", "SELECT E'a' 'b'", "SELECT E'a' -1", "SELECT E'a'\n -- c\n '\\''",
        ])
    func uncertain(_ text: String) {
        #expect(!Self.isWhole(text, false) && !Self.isWhole(text, true))
    }

    @Test("A bit string that goes on in the next line has no escapes there, unlike a plain literal")
    func bitStrings() {
        for prefix in ["b", "B", "x", "X"] {
            let text = "SELECT \(prefix)'0'\n'\\' ; '"
            #expect(!ReferenceLexer.isWhole(text, doublesBackslashes: true), "\(text)")
            #expect(!Self.isWhole(text, true), "\(text)")
            #expect(!Self.isWhole(text, false), "\(text)")
        }
    }

    /// Pieces that begin, end and continue quotes and comments, and pieces that change what the next one means.
    private static let pieces = [
        "'", "'", "''", "\\", "\\\\", "\\'", "E'", "e'", "b'", "X'", "n'", "U&'", "$$", "$$", "$a$", "$1", "$", "\"",
        "--",
        "-", "\n", "\r", "\t", " ", " ", "/*", "*/", "/", "*", ";", "a", "e", "E", "1", "é", "&", "(", ",", "\0",
    ]

    private static func randomText(_ random: inout SeededGenerator, _ pieces: [String], _ length: Int) -> String {
        (0..<Int.random(in: 1...length, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
            .joined()
    }

    /// Whether a text has something that `isWhole` is allowed to be uncertain about.
    private static func mayBeUncertain(_ text: String) -> Bool {
        let nameBytes = { (byte: UInt8) in byte >= 0x80 || byte == 0x5F || byte == 0x24 || isLetterOrDigit(byte) }
        let bytes = Array(text.utf8)
        for (index, byte) in bytes.enumerated() where index > 0 {
            if byte == UInt8(ascii: "$") || byte == UInt8(ascii: "'"), nameBytes(bytes[index - 1]) { return true }
        }
        return text.contains("\\") || text.contains("E'") || text.contains("e'") || text.contains("''")
            || text.contains("'\n") || text.contains("' ") || text.contains("'\t") || text.contains("'\r")
            || text.contains("'-") || text.contains("\0")
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
    }

    @Test("What is whole is whole for the reference, too", arguments: 1...20 as ClosedRange<UInt64>)
    func wholeForTheReference(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var (yes, no, certain) = (0, 0, 0)
        for _ in 0..<500 {
            let text = Self.randomText(&random, Self.pieces, 12)
            for doublesBackslashes in [false, true] {
                if ReferenceLexer.isRefused(text, doublesBackslashes: doublesBackslashes) { continue }
                let expected = ReferenceLexer.isWhole(text, doublesBackslashes: doublesBackslashes)
                let found = Self.isWhole(text, doublesBackslashes)
                let isZeroInside = text.contains("\0")
                // A zero byte in quotes is refused before, with the whole statement.
                if found, !isZeroInside {
                    #expect(expected, "seed \(seed), backslashes \(doublesBackslashes): \(text.debugDescription)")
                }
                if !Self.mayBeUncertain(text) {
                    certain += 1
                    #expect(
                        found == expected, "seed \(seed), backslashes \(doublesBackslashes): \(text.debugDescription)")
                }
                if found { yes += 1 } else { no += 1 }
            }
        }
        #expect(yes > 50 && no > 50 && certain > 50, "seed \(seed): \(yes), \(no), \(certain)")
    }

    @Test("What is whole stays whole between others", arguments: 1...20 as ClosedRange<UInt64>)
    func wholeBetweenOthers(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let texts = (0..<3).map { _ in Self.randomText(&random, Self.pieces.filter { $0 != "\0" }, 9) }
            for doublesBackslashes in [false, true] {
                let whole = texts.filter {
                    Self.isWhole($0, doublesBackslashes)
                        && !ReferenceLexer.isRefused($0, doublesBackslashes: doublesBackslashes)
                }
                if whole.isEmpty { continue }
                let joined = whole.joined(separator: "\n;\n")
                let tokens = ReferenceLexer(joined, doublesBackslashes: doublesBackslashes).tokens()
                #expect(
                    tokens.count { $0 == .semicolon } == whole.count - 1 && !tokens.contains(.open),
                    "seed \(seed), backslashes \(doublesBackslashes): \(joined.debugDescription)")
            }
        }
    }

    // MARK: Templates

    @Test(
        "Templates whose copies can be joined",
        arguments: [
            "INSERT INTO t VALUES (%s)", "insert into t values (%s, %(name)s)", "\n\t UPDATE t SET a = %s WHERE b=%s",
            "Delete FROM t WHERE a = %s", "INSERT INTO t VALUES ('a', %s)", "INSERT INTO t VALUES ('it''s; --', %s)",
            "INSERT INTO \"t;$\" VALUES (%s)", "INSERT INTO t VALUES ('100 %%', %s)", "DELETE FROM t WHERE a %% 2 = %s",
            "INSERT INTO t VALUES ('$1', %s)", "INSERT INTO t VALUES (%(a'b)s)", "INSERT INTO t VALUES (%(a%s;\")s)",
            "INSERT INTO t VALUES (1)", "UPDATE t SET a=-%s", "UPDATE t SET a='/* --'",
            "INSERT INTO é VALUES (%s::int)",
            "INSERT INTO t VALUES (%s)\n", "INSERT INTO t VALUES (%()s)", "INSERT INTO t VALUES (%%%s)",
        ])
    func joinable(_ text: String) {
        #expect(Self.mayJoin(text))
    }

    @Test(
        "Templates whose copies cannot be joined",
        arguments: [
            // They do not begin by changing rows.
            "", "insert", "INSER", "SELECT %s", "WITH a AS (SELECT 1) INSERT INTO t VALUES (%s)", "(INSERT INTO t", ";",
            "-- a\nINSERT INTO t VALUES (%s)", "COPY t FROM STDIN", "CALL p(%s)", "éinsert into t values (%s)",
            // They are several, or something is open.
            "INSERT INTO t VALUES (%s);", "INSERT INTO t VALUES ('%%", "INSERT INTO \"t VALUES (1)",
            "INSERT INTO t VALUES (%s) -- a", "INSERT INTO t /* a */ VALUES (%s)", "INSERT INTO t VALUES ($$a$$, %s)",
            "INSERT INTO t VALUES ($1)", "INSERT INTO t VALUES ('\\', %s)", "INSERT INTO t VALUES (%s)\0",
            // A literal in place of the placeholder would not be one, or would belong to another one.
            "INSERT INTO t VALUES ('%s')", "INSERT INTO \"%s\" VALUES (1)", "INSERT INTO t VALUES (E%s)",
            "INSERT INTO t VALUES (U&%s)", "INSERT INTO t VALUES (1%s)", "INSERT INTO t VALUES (a_%s)",
            "INSERT INTO t VALUES (%s%s)", "INSERT INTO t VALUES ('a'%s)", "INSERT INTO t VALUES ('a' \n %s)",
            "INSERT INTO t VALUES (\"a\"%s)", "INSERT INTO t VALUES (é%s)", "INSERT INTO t VALUES ($%s)",
            // There is no such placeholder.
            "INSERT INTO t VALUES (%d)", "INSERT INTO t VALUES (%", "INSERT INTO t VALUES (%(",
            "INSERT INTO t VALUES (%(a",
            "INSERT INTO t VALUES (%(a)", "INSERT INTO t VALUES (%(a)d)", "INSERT INTO t VALUES (% s)",
        ])
    func notJoinable(_ text: String) {
        #expect(!Self.mayJoin(text))
    }

    /// Literals as the driver writes them. Where backslashes are escapes, texts and binary data have the prefix E.
    private static func literals(_ doublesBackslashes: Bool) -> [String] {
        let prefix = doublesBackslashes ? "E" : ""
        let backslash = doublesBackslashes ? "\\\\" : "\\"
        let texts = ["a", "it''s; --", "", "$$ \"", "/*", backslash, backslash + "''", "a" + backslash + "; --"]
        return texts.map { "\(prefix)'\($0)'" }
            + ["\(prefix)'\(backslash)x27'::bytea", "'2020-01-01'::date", "'{}'", "NULL", "42", " -1"]
    }

    /// Puts literals into the placeholders of a template, as `%` of Python does.
    /// - Returns: the statement, and where the literals begin in its UTF-8, without the spaces in front of them.
    private static func merged(
        _ template: String, _ literals: [String], _ random: inout SeededGenerator
    ) -> (text: String, starts: [Int]) {
        var rest = Substring(template)
        var text = ""
        var starts: [Int] = []
        while let percent = rest.firstIndex(of: "%") {
            text += rest[..<percent]
            rest = rest[percent...].dropFirst()
            if rest.first == "%" {
                text += "%"
                rest = rest.dropFirst()
                continue
            }
            if rest.first == "(" { rest = rest[(rest.firstIndex(of: ")") ?? rest.startIndex)...].dropFirst() }
            rest = rest.dropFirst()
            let literal = literals.randomElement(using: &random) ?? ""
            if literal.contains("'") { starts.append(text.utf8.count + literal.utf8.prefix { $0 == 0x20 }.count) }
            text += literal
        }
        return (text + rest, starts)
    }

    @Test(
        "Whatever literals are put into a template, its copies are one statement each",
        arguments: 1...20 as ClosedRange<UInt64>)
    func literalsInTemplates(seed: UInt64) {
        let pieces = [
            "%s", "%s", "%s", "%(a)s", "%(')s", "%%", "%", "'", "'", "''", "\"", " ", "\n", ",", "(", ")", "a", "e",
            "E",
            "1", "-", "/", "*", "&", "U&", ":", "=", "é", "\\", "$", ";", "--", "/*",
        ]
        // Pieces that are allowed, so that many templates are.
        let allowed = ["%s", "%(a)s", "%%", "'", "''", "\"", " ", "\n", ",", "(", "a", "e", "-", "/", "*", "&", "="]
        var random = SeededGenerator(seed: seed)
        var accepted = 0
        for round in 0..<600 {
            let template = "INSERT " + Self.randomText(&random, round % 3 == 0 ? pieces : allowed, 10)
            if !Self.mayJoin(template) { continue }
            accepted += 1
            for doublesBackslashes in [false, true] {
                let literals = Self.literals(doublesBackslashes)
                let copies = (0..<3).map { _ in Self.merged(template, literals, &random) }
                let joined = copies.map(\.text).joined(separator: "\n;\n")
                let tokens = ReferenceLexer(joined, doublesBackslashes: doublesBackslashes).tokens()
                if tokens.contains(.refused) { continue }
                let comment: Comment = "seed \(seed), backslashes \(doublesBackslashes): \(joined.debugDescription)"
                #expect(tokens.count { $0 == .semicolon } == 2, comment)
                #expect(!tokens.contains(.open) && !tokens.contains(.comment), comment)
                // On several lines, literals may go on with those before, and so they do alone.
                for copy in copies where !template.contains("\n") {
                    let tokens = ReferenceLexer(copy.text, doublesBackslashes: doublesBackslashes).tokens()
                    let begun = tokens.compactMap { if case .literal(let range) = $0 { range.lowerBound } else { nil } }
                    #expect(Set(copy.starts).isSubset(of: begun), comment)
                }
            }
        }
        #expect(accepted > 20, "seed \(seed)")
    }
}
