"""Every client encoding of PostgreSQL: text that it can represent arrives, other text is an error, and no text breaks
out of its quotes."""

import io
import json

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import extensions, extras, sql
from psycopg2.extensions import encodings

# Their names in pg_encoding_to_char(). The encodings without a Python codec are below.
NAMES = """
    BIG5 EUC_CN EUC_JIS_2004 EUC_JP EUC_KR GB18030 GBK ISO_8859_5 ISO_8859_6 ISO_8859_7 ISO_8859_8 JOHAB KOI8R KOI8U
    LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8 LATIN9 LATIN10 SHIFT_JIS_2004 SJIS SQL_ASCII UHC UTF8
    WIN866 WIN874 WIN1250 WIN1251 WIN1252 WIN1253 WIN1254 WIN1255 WIN1256 WIN1257 WIN1258
""".split()

# In most of these the second byte of a character can be a backslash or another ASCII byte.
WORDS = {
    "SJIS": "表ソ能", "BIG5": "功許蓋", "GBK": "誠縗", "GB18030": "誠縗€", "UHC": "한뷁", "SHIFT_JIS_2004": "表ソ",
    "EUC_JP": "表示", "EUC_KR": "한글", "EUC_CN": "表", "LATIN1": "éÿ", "KOI8R": "привет", "WIN1251": "Ж",
}

some = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

opened = {}


@pytest.fixture(scope="module", autouse=True)
def closing():
    yield
    while opened:
        opened.popitem()[1].close()


def session(nodes, encoding):
    if encoding not in opened:
        opened[encoding] = psycopg2.connect(nodes.dsn(1))
        opened[encoding].set_client_encoding(encoding)
        opened[encoding].autocommit = True
        opened[encoding].cursor().execute("SET backslash_quote TO off; SET escape_string_warning TO off")
    return opened[encoding]


@pytest.fixture
def connect(dsn):
    opened_here = []

    def connect(encoding):
        opened_here.append(psycopg2.connect(dsn))
        opened_here[-1].set_client_encoding(encoding)
        return opened_here[-1]

    yield connect
    for connection in opened_here:
        connection.close()


def letters(encoding):
    """Some characters of an encoding, with preference for those that contain ASCII bytes."""
    codec = encodings[encoding]
    found = []
    for code in range(0x80, 0x10000):
        if 0xD800 <= code < 0xE000:
            continue
        try:
            encoded = chr(code).encode(codec)
        except UnicodeEncodeError:
            continue
        if len(encoded) == 1 or encoded[-1] in b"\\'\"{}|^@`~" or code % 97 == 0:
            found.append(chr(code))
    return found


# MARK: Quoting

@pytest.mark.parametrize("encoding", NAMES)
def test_nothing_breaks_out_of_its_quotes(three_nodes, encoding):
    """However the server reads the letters, the text after them stays within the quotes, and the statement goes on."""
    connection = session(three_nodes, encoding)
    alphabet = letters(encoding) + list("'\\\"%{},;$() E\n")
    cursor = connection.cursor()

    @some
    @given(texts=st.lists(st.text(st.sampled_from(alphabet), max_size=8), min_size=1, max_size=3),
           conforming=st.sampled_from(["on", "off"]))
    def check(texts, conforming):
        cursor.execute(f"SET standard_conforming_strings TO {conforming}")
        try:
            cursor.execute("SELECT %s, %s, %s::text[], %s::bytea, 'the end'", (texts[0], texts[-1], texts, b"\\'"))
        except UnicodeEncodeError:
            return
        except (psycopg2.errors.CharacterNotInRepertoire, psycopg2.errors.UntranslatableCharacter):
            # Python's codec has more characters than PostgreSQL's.
            return
        try:
            row = cursor.fetchone()
        except UnicodeDecodeError:
            return
        assert row[4] == "the end" and bytes(row[3]) == b"\\'" and row[:3] == (row[2][0], row[2][-1], row[2])
        for got, sent in zip(row[2], texts):
            assert len(got) == len(sent)
            assert [x for x in got if x < "\x80"] == [x for x in sent if x < "\x80"]

    check()
    cursor.execute("SET standard_conforming_strings TO on")


@pytest.mark.parametrize(
    "encoding", [name for name in NAMES if name not in ("EUC_JIS_2004", "JOHAB", "SJIS", "EUC_JP")])
def test_every_letter_arrives_as_itself(three_nodes, encoding):
    """The encodings left out map some letters differently from Python, or lack some."""
    connection = session(three_nodes, encoding)
    cursor = connection.cursor()
    known = [letter for letter in letters(encoding) if letter not in "\xa5\u203eˍ￣╴―"]
    for start in range(0, len(known), 500):
        part = []
        for letter in known[start:start + 500]:
            try:
                cursor.mogrify("%s", (letter,))
                part.append(letter)
            except UnicodeEncodeError:
                assert encoding == "EUC_KR"
        values = [f"{letter}'{letter}\\{letter}~" for letter in part]
        cursor.execute("SELECT %s::text[], encode(convert_to(%s, 'UTF8'), 'hex')", (values, "".join(part)))
        got, seen = cursor.fetchone()
        assert got == values
        if encoding != "SQL_ASCII":
            assert bytes.fromhex(seen).decode() == "".join(part)


@pytest.mark.parametrize("encoding, sign", [
    ("EUC_JP", "¥"), ("EUC_JP", "‾"), ("SHIFT_JIS_2004", "¥"), ("SHIFT_JIS_2004", "‾"), ("EUC_KR", "갂"),
    ("LATIN1", "€"), ("SQL_ASCII", "é"), ("SJIS", "\U0001F426"), ("BIG5", "é"),
])
def test_what_an_encoding_cannot_hold(connect, encoding, sign):
    """Python encodes the first ones as a backslash, a tilde or four letters, and PostgreSQL reads these."""
    connection = connect(encoding)
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE held (a text)")
    for call in (lambda: cursor.execute("SELECT %s", ("ab" + sign,)), lambda: cursor.execute(f"SELECT 'ab{sign}'"),
                 lambda: cursor.mogrify("%s", ([sign],)), lambda: connection.cursor(sign).execute("SELECT 1")):
        with pytest.raises(UnicodeEncodeError):
            call()
    with pytest.raises(psycopg2.errors.QueryCanceled, match="UnicodeEncodeError"):
        cursor.copy_from(io.StringIO(sign + "\n"), "held")


def test_backslashes_in_shift_jis_2004(connect):
    connection = connect("SHIFT_JIS_2004")
    cursor = connection.cursor()
    cursor.execute("SELECT %s, E'\\x41~', length(%s)", ("\\~", "\\~"))
    assert cursor.fetchone() == ("\\~", "A~", 2)


def test_the_filler_of_hangul(connect):
    cursor = connect("EUC_KR").cursor()
    cursor.execute("SELECT %s", ("ㅤㄱ",))
    assert cursor.fetchone() == ("ㅤㄱ",)


# MARK: Everything that carries text

@pytest.mark.parametrize("encoding", sorted(WORDS))
def test_values(connect, encoding):
    word = WORDS[encoding]
    cursor = connect(encoding).cursor()

    def one(statement, *arguments):
        cursor.execute(statement, arguments)
        return cursor.fetchone()[0]

    assert one("SELECT %s", word) == one(f"SELECT '{word}'") == one("SELECT %s", extensions.AsIs(f"'{word}'")) == word
    odd = word + '"{},\\x'
    assert one("SELECT %s", [word, odd, None]) == [word, odd, None]
    assert one("SELECT %s LIKE %s", f"a{word}'b", f"_{word}'%") is True
    assert one("SELECT %s::jsonb", extras.Json({word: [odd]})) == {word: [odd]}
    plain = extras.Json([odd], dumps=lambda value: json.dumps(value, ensure_ascii=False))
    assert one("SELECT %s::json", plain) == [odd]
    cursor.execute(f"SELECT %({word})s, '{word}%%'", {word: odd})
    assert cursor.fetchone() == (odd, word + "%")
    cursor.execute("CREATE TYPE pg_temp.pair AS (a text, b text[])")
    extras.register_composite("pg_temp.pair", cursor)
    assert one("SELECT (%s, %s)::pg_temp.pair", odd, [odd]) == (odd, [odd])
    extras.execute_values(cursor, "SELECT * FROM (VALUES %s) AS v", [(word,), (odd,)])
    assert cursor.fetchall() == [(word,), (odd,)]
    assert cursor.mogrify("%s", (word,)) == b"'" + word.encode(encodings[encoding]) + b"'"


@pytest.mark.parametrize("encoding", sorted(WORDS))
def test_names(connect, encoding):
    word = WORDS[encoding]
    connection = connect(encoding)
    cursor = connection.cursor()
    assert extensions.quote_ident(word + '"', connection) == f'"{word}"""'
    cursor.execute(f'SELECT 1 AS "{word}"')
    assert cursor.description[0].name == word
    table, column = sql.Identifier(word), sql.Identifier(word + '"')
    cursor.execute(sql.SQL("CREATE TEMP TABLE {} ({} text)").format(table, column))
    cursor.copy_from(io.StringIO(f"{word}\n"), word)
    cursor.copy_from(io.StringIO(f"null{word}\n"), word, columns=[word + '"'], null="null" + word)
    cursor.execute(sql.SQL("SELECT * FROM {}").format(table))
    assert cursor.fetchall() == [(word,), (None,)]
    file = io.StringIO()
    cursor.copy_to(file, word, null=word)
    assert file.getvalue() == f"{word}\n" * 2
    named = connection.cursor(word, scrollable=True)
    named.execute("SELECT %s UNION ALL SELECT %s", (word, "z"))
    assert named.fetchone() == (word,)
    named.scroll(-1)
    assert len(named.fetchall()) == 2
    named.close()
    function = "CREATE FUNCTION pg_temp.{0}({0} text) RETURNS text LANGUAGE sql AS 'SELECT $1'"
    cursor.execute(sql.SQL(function).format(table))
    cursor.callproc(f'pg_temp."{word}"', {word: word})
    assert cursor.fetchone() == (word,)


@pytest.mark.parametrize("encoding", sorted(WORDS))
def test_messages(connect, encoding):
    word = WORDS[encoding]
    connection = connect(encoding)
    cursor = connection.cursor()
    cursor.execute(f"DO $$ BEGIN RAISE NOTICE '{word}'; END $$")
    assert connection.notices == [f"NOTICE:  {word}\n"]
    with pytest.raises(psycopg2.errors.UndefinedColumn) as info:
        cursor.execute(f'SELECT "{word}"')
    assert word in str(info.value) and word in info.value.pgerror and word in info.value.diag.message_primary
    connection.rollback()
    connection.autocommit = True
    cursor.execute(f'LISTEN "{word}"; ')
    cursor.execute(f"NOTIFY \"{word}\", '{word}'")
    (notify,) = connection.notifies
    assert (notify.channel, notify.payload) == (word, word)


# MARK: The encoding itself

def test_names_of_encodings(connect):
    connection = connect("LATIN1")
    for name, shown in [("utf-8", "UTF8"), ("koi8", "KOI8R"), ("Windows1252", "WIN1252"), ("EUC_JP", "EUCJP")]:
        connection.set_client_encoding(name)
        assert connection.encoding == shown


def test_encodings_that_cannot_be_had(connect):
    connection = connect("LATIN1")
    # An unknown name, one without a conversion in the server, one without a codec in Python.
    with pytest.raises(psycopg2.errors.InvalidParameterValue):
        connection.set_client_encoding("nope'; SELECT 1")
    with pytest.raises(psycopg2.errors.FeatureNotSupported):
        connection.set_client_encoding("MULE_INTERNAL")
    with pytest.raises(psycopg2.OperationalError, match="no Python encoding for PostgreSQL encoding 'EUC_TW'"):
        connection.set_client_encoding("EUC_TW")
    assert connection.encoding == "LATIN1"
    cursor = connection.cursor()
    cursor.execute("SELECT %s", ("é",))
    assert cursor.fetchone() == ("é",)
