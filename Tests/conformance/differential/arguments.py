"""Python values for scripts: values that adapters take, values that they refuse, and corner cases."""

from language import made, mapping, octets, ref, tup

TEXTS = ["", "a", "it's", "back\\slash", "\\", "'", "''", "\\'", "100%", "%s", "%(a)s", "{a,\"b\"}", "é", "日本語",
         "\U0001F600",
         "e\u0301'", "line\nbreak", "tab\t", "\x01", "NULL", "null", " ", "a;b--c", "$1", "$$", "\x7f", "\u2028",
         "E'\\\\'"]
ODD_TEXTS = ["nul\0byte", "\udc80", "\ud800x"]
NUMBERS = [0, 1, -1, 7, 100, 999, 32767 * 1000, 2147483647, -2147483648, 2147483648, 9223372036854775807,
           -9223372036854775808, 9223372036854775808, 10 ** 30, True, False]
DECIMALS = ["0", "-0", "1.50", "-1.5", "1E+5", "1E-7", "NaN", "sNaN", "Infinity", "-Infinity",
            "123456789012345678901234567890.123"]
FLOATS = ["0.0", "-0.0", "1.5", "-1.5", "1e300", "1e-300", "nan", "inf", "-inf", "0.1"]
DATES = [(1, 1, 1), (9999, 12, 31), (2024, 2, 29), (1970, 1, 1)]
RANGES = ["NumericRange", "DateRange", "DateTimeRange", "DateTimeTZRange"]


def scalar(r):
    """A value that has an adapter, of any type."""
    return r.choice(SCALARS)(r)


def text(r):
    return r.choice(TEXTS)


def number(r):
    return r.choice(NUMBERS)


def decimal(r):
    return made("decimal.Decimal", r.choice(DECIMALS))


def floating(r):
    return made("builtins.float", r.choice(FLOATS))


def binary(r):
    content = octets(r.choice([b"", b"\0", b"a", b"\\", b"'", b"\xff\xfe", bytes(range(256)), b"\\x41", b"%s"]))
    kind = r.choice([None, "builtins.bytearray", "builtins.memoryview", "psycopg2.Binary"])
    return made(kind, content) if kind else content


def day(r):
    return made("datetime.date", *r.choice(DATES))


def moment(r):
    zone = {}
    if r.random() < 0.5:
        zone["tzinfo"] = made("datetime.timezone", made("datetime.timedelta", minutes=r.choice([0, 60, -330, 754])))
    return made("datetime.datetime", *r.choice(DATES[1:]), r.choice([0, 13]), 30, 59, r.choice([0, 1, 500000]), **zone)


def clock(r):
    zone = {}
    if r.random() < 0.4:
        zone["tzinfo"] = made("datetime.timezone", made("datetime.timedelta", minutes=r.choice([0, 60, -330])))
    return made("datetime.time", r.choice([0, 23]), r.choice([0, 59]), r.choice([0, 59]), r.choice([0, 10, 999999]),
                **zone)


def duration(r):
    return made("datetime.timedelta", r.choice([0, 1, -1, 40000]), r.choice([0, 1, 86399]), r.choice([0, 1, 999999]))


def nothing(r):
    return None


def identifier(r):
    return made("uuid.UUID", r.choice(["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]))


def ranging(r):
    name = r.choice(RANGES)
    if r.random() < 0.15:
        return made(f"psycopg2.extras.{name}", empty=True)
    if name == "NumericRange":
        lower, upper = 1, r.choice([5, None, 0])
    elif name == "DateRange":
        lower, upper = made("datetime.date", 2020, 1, 1), r.choice([made("datetime.date", 2021, 1, 1), None])
    else:
        lower, upper = made("datetime.datetime", 2020, 1, 1), None
    return made(f"psycopg2.extras.{name}", lower, upper, r.choice(["[)", "(]", "()", "[]"]))


def document(r):
    content = r.choice([{}, [], None, 1, mapping([["a", [1, None, "é'"]]]), "text\\", mapping([["k'", mapping([])]])])
    content = mapping([]) if content == {} else content
    return made("psycopg2.extras.Json", content)


def composed(r):
    """A tuple, which becomes a row or the list of IN."""
    return tup(*[r.choice([1, None, "a'", 2]) for _ in range(r.randrange(0, 4))])


def sequence(r, depth=0):
    """A list: often of one type, at times mixed, nested, or empty."""
    size = r.randrange(0, 4)
    if depth < 2 and r.random() < 0.25:
        return [sequence(r, depth + 1) for _ in range(size)]
    make = r.choice([text, number, floating, decimal, moment, day, binary, nothing, scalar_of_list])
    return [make(r) if r.random() < 0.85 else None for _ in range(size)]


def scalar_of_list(r):
    return r.choice([text, number, document, identifier])(r)


def subclass(r):
    return r.choice([made("aid.Text", text(r)), made("aid.Number", r.choice([5, -5])),
                     made("psycopg2.extras.Inet", "10.0.0.1/8"), made("ipaddress.ip_address", "::1"),
                     made("ipaddress.ip_network", "10.0.0.0/8"), made("ipaddress.ip_interface", "10.1.2.3/8")])


def wrapped(r):
    return r.choice([
        made("psycopg2.extensions.AsIs", r.choice(["1", "'x'", "now() is null", ""])),
        made("psycopg2.extensions.QuotedString", text(r)), made("psycopg2.extensions.adapt", text(r)),
        made("psycopg2.extensions.Float", 1.5), made("psycopg2.extensions.Int", 7),
        made("psycopg2.extensions.Boolean", True), made("psycopg2.extensions.SQL_IN", tup(1, 2)),
        made("psycopg2.Date", 2020, 1, 2), made("psycopg2.Time", 1, 2, 3.5),
        made("psycopg2.Timestamp", 2020, 1, 2, 3, 4, 5.25), made("psycopg2.DateFromTicks", 0),
        made("aid.Conforming", octets(b"'conformed'")), ref("psycopg2.extensions.ISOLATION_LEVEL_SERIALIZABLE")])


SCALARS = [text, text, text, number, number, decimal, floating, binary, day, moment, clock, duration, nothing,
           identifier,
           ranging, document, composed, sequence, sequence, subclass, wrapped]


def wrong(r):
    """A value that no adapter takes, or that fails while it is adapted."""
    return r.choice([
        made("aid.Odd"), ref("aid.Odd"), ref("aid.Colour.RED"), made("builtins.set"), made("builtins.complex", 1, 2),
        mapping([["a", 1]]), made("builtins.iter", [1]), r.choice(ODD_TEXTS), [r.choice(ODD_TEXTS)], [made("aid.Odd")],
        tup(made("aid.Odd")), made("aid.Conforming", "fail"), made("aid.Conforming", "text"), made("aid.Conforming", 5),
        made("aid.Conforming", octets(b"1"), prepare="fail"), made("aid.Conforming", None), ref("builtins.Ellipsis"),
        made("psycopg2.extras.Json", made("aid.Odd")), [[1], [1, 2]], [[], []], [[1], 2]])


def anything(r):
    """A value of a wrong type for a parameter."""
    return r.choice([None, 0, 1, -1, 2 ** 31, 2 ** 63, -2 ** 63, 2 ** 64, 1.5, True, "", "a", "1", octets(b""),
                     octets(b"a"),
                     [], [1], tup(), tup(1, 2), mapping([]), mapping([["a", 1]]), made("aid.Odd"), ref("aid.identity"),
                     made("decimal.Decimal", "1"), r.choice(ODD_TEXTS)])
