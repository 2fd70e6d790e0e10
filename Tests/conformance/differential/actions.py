"""What scripts do: an action writes one step, or a few that belong together, and a theme is a choice of actions."""

from dataclasses import dataclass
from typing import Callable

from arguments import anything, scalar, text, wrong
from language import made, mapping, octets, ref, tup
from statements import CHANGES, ERRORS, PLAIN, SETTINGS, TRANSACTIONS, any_text, literal, selection, unfit, with_arguments

LEVELS = [0, 1, 2, 3, 4, 5, -1, None, "serializable", "READ COMMITTED", "repeatable read", "read uncommitted", "default", "DEFAULT",
          "chaos", "", 1.5, octets(b"serializable")]
SWITCHES = [True, False, None, 0, 1, "default", "on", "DEFAULT", "", 2]
ENCODINGS = ["UTF8", "utf-8", "LATIN1", "latin-1", "SQL_ASCII", "WIN1252", "iso8859_15", "EUC_JP", "SJIS", "nonsense", "", 5, None]
FACTORIES = ["psycopg2.extras.DictCursor", "psycopg2.extras.RealDictCursor", "psycopg2.extras.NamedTupleCursor",
             "psycopg2.extensions.cursor", "psycopg2.extras.LoggingCursor"]


# Connections


def plain_connection(w):
    w.connect()


def second_connection(w):
    if len(w.connections) < 3:
        w.connect()


def odd_connection(w):
    r = w.r
    r.choice([
        lambda: w.connect(cursor_factory=ref(r.choice(FACTORIES))),
        lambda: w.connect(connection_factory=ref(r.choice([
            "psycopg2.extensions.connection", "psycopg2.extras.DictConnection", "psycopg2.extras.RealDictConnection",
            "psycopg2.extras.NamedTupleConnection", "psycopg2.extras.LoggingConnection"]))),
        lambda: w.connect(ref("DSN"), options=r.choice([
            "-c default_transaction_isolation=serializable", "-c standard_conforming_strings=off", "-c DateStyle=German",
            "-c default_transaction_read_only=on", "-c IntervalStyle=iso_8601", "-c no_such=1", "-c client_min_messages=debug1"])),
        lambda: w.connect(ref("DSN"), client_encoding=r.choice(ENCODINGS)),
        lambda: w.connect(ref("DSN"), application_name=text(r)),
        lambda: w.connect(ref("DSN"), **r.choice([
            {"no_such": 1}, {"dbname": "no_such_database"}, {"user": "no_such_user"}, {"port": "x"}, {"async": 1}, {"password": "pw'd"},
            {"connection_factory": ref("aid.Odd")}, {"cursor_factory": ref("aid.Odd")}, {"cursor_factory": 1}, {"connect_timeout": "x"},
            {"sslmode": "no_such"}, {"keepalives": 0}, {"target_session_attrs": "read-only"}, {"host": ""}, {"dbname": None}])),
        lambda: w.connect(r.choice(["", "nonsense", "host=", "dbname='", 5, None, octets(b"host=x"), "postgresql://%zz/", "port=x"])),
        lambda: w.connect(ref("DSN"), asynchronous=True),
    ])()


def session(w):
    r, c = w.r, w.a_connection()
    choice = r.randrange(10)
    if choice == 0:
        names = r.sample(["isolation_level", "readonly", "deferrable", "autocommit"], r.randrange(0, 4))
        w.call(f"{c}.set_session", **{
            name: r.choice(LEVELS if name == "isolation_level" else SWITCHES) for name in names})
    elif choice == 1:
        w.call(f"{c}.set_session", *[r.choice(LEVELS + SWITCHES) for _ in range(r.randrange(1, 5))])
    elif choice in (2, 3, 4):
        w.set(f"{c}.autocommit", r.choice(SWITCHES[:2] * 4 + SWITCHES))
    elif choice == 5:
        w.set(f"{c}.isolation_level", r.choice(LEVELS))
    elif choice == 6:
        w.call(f"{c}.set_isolation_level", r.choice(LEVELS))
    elif choice == 7:
        w.set(f"{c}.readonly", r.choice(SWITCHES))
    elif choice == 8:
        w.set(f"{c}.deferrable", r.choice(SWITCHES))
    else:
        w.call(f"{c}.set_client_encoding", r.choice(ENCODINGS))


def end_transaction(w):
    w.call(f"{w.a_connection()}.{w.r.choice(['commit', 'commit', 'rollback'])}")


def reset(w):
    w.call(f"{w.a_connection()}.reset")


def close_connection(w):
    w.call(f"{w.a_connection()}.close")


def terminated(w):
    c = w.a_connection()
    if w.r.random() < 0.5:
        w.add("terminate", c)
    else:
        w.execute(w.cursor(c), "select pg_terminate_backend(pg_backend_pid())")


def use_after_end(w):
    r = w.r
    c = w.a_connection()
    member = r.choice(["commit", "rollback", "cursor", "reset", "isolation_level", "encoding", "get_backend_pid", "poll", "fileno",
                       "cancel", "notices", "lobject", "xid", "set_session", "tpc_recover", "get_dsn_parameters", "info.dsn_parameters",
                       "info.socket", "__enter__", "set_client_encoding", "get_native_connection"])
    if member in ("isolation_level", "encoding", "notices", "info.dsn_parameters"):
        w.get(f"{c}.{member}")
    elif member in ("fileno", "info.socket", "get_native_connection", "cancel"):
        pass
    else:
        w.call(f"{c}.{member}", *(["UTF8"] if member == "set_client_encoding" else []))


def block(w):
    """A with-block, opened here and closed, perhaps with an error, some steps later."""
    r = w.r
    thing = w.a_connection() if r.random() < 0.7 else w.a_cursor()
    w.call(f"{thing}.__enter__")
    for _ in range(r.randrange(0, 3)):
        execute(w)
    if r.random() < 0.6:
        w.call(f"{thing}.__exit__", None, None, None)
    else:
        w.call(f"{thing}.__exit__", ref("builtins.ValueError"), made("builtins.ValueError", "in the block"), None)


# Cursors


def new_cursor(w):
    r = w.r
    keywords = {}
    if r.random() < 0.3:
        keywords["cursor_factory"] = ref(r.choice(FACTORIES))
    w.cursor(None, **keywords)


def named_cursor(w):
    r = w.r
    keywords = {}
    if r.random() < 0.4:
        keywords["scrollable"] = r.choice([True, False, None])
    if r.random() < 0.4:
        keywords["withhold"] = r.choice([True, False])
    if r.random() < 0.3:
        keywords["cursor_factory"] = ref(r.choice(FACTORIES))
    w.cursor(None, r.choice(["portal", "na me", "o'c", "q\"q", "é", "own", "held", "", "N", "x" * 70]), **keywords)
    if r.random() < 0.7:
        k = w.cursors[-1]
        if r.random() < 0.3:
            w.set(f"{k}.itersize", r.choice([1, 2, 2000, 0, -1]))
        w.execute(k, r.choice(["select * from t order by id", "select generate_series(1, 30) as n", selection(r), literal_select(r)]))
        for _ in range(r.randrange(0, 4)):
            fetch(w)


def literal_select(r):
    return f"select {literal(r)} as a"


def odd_cursor(w):
    r = w.r
    w.cursor(None, *[anything(r) for _ in range(r.randrange(0, 3))], **r.choice([
        {}, {"name": anything(r)}, {"cursor_factory": anything(r)}, {"scrollable": anything(r)}, {"withhold": anything(r)},
        {"no_such": 1}, {"cursor_factory": ref("aid.identity")}, {"cursor_factory": ref("aid.raising")}, {"scrollable": True},
        {"withhold": True}]))


def cursor_attribute(w):
    r, k = w.r, w.a_cursor()
    name = r.choice(["arraysize", "itersize", "scrollable", "withhold", "row_factory", "tzinfo_factory", "rowcount", "name",
                     "description", "query", "string_types", "connection", "typecaster", "binary_types"])
    good = {"arraysize": [1, 2, 50], "itersize": [1, 3], "scrollable": [True, False, None], "withhold": [True, False],
            "row_factory": [ref("aid.list_of_rows"), None], "tzinfo_factory": [None, ref("psycopg2.tz.FixedOffsetTimezone"), ref("aid.raising")]}
    w.set(f"{k}.{name}", r.choice(good.get(name, [None])) if r.random() < 0.7 else anything(r))


def close_cursor(w):
    w.call(f"{w.a_cursor()}.close")


def drop_cursor(w):
    if w.cursors:
        w.add("drop", w.a_cursor())


# Statements


def execute(w):
    r, k = w.r, w.a_cursor()
    if r.random() < 0.25:
        w.execute(k, *with_arguments(r))
    else:
        w.execute(k, any_text(r))


def query(w):
    r, k = w.r, w.a_cursor()
    w.execute(k, r.choice([r.choice(PLAIN), selection(r)]))
    if r.random() < 0.8:
        fetch(w)


def change(w):
    w.execute(w.a_cursor(), w.r.choice(CHANGES))


def transaction_text(w):
    w.execute(w.a_cursor(), w.r.choice(TRANSACTIONS))


def setting(w):
    w.execute(w.a_cursor(), w.r.choice(SETTINGS))


def server_error(w):
    w.execute(w.a_cursor(), w.r.choice(ERRORS))


def values(w):
    """Values there and back."""
    r, k = w.r, w.a_cursor()
    if r.random() < 0.75:
        w.execute(k, *with_arguments(r))
    else:
        w.execute(k, *with_arguments(r, wrong))
    if r.random() < 0.7:
        w.call(f"{k}.fetchall")


def literals(w):
    r, k = w.r, w.a_cursor()
    w.execute(k, selection(r))
    if r.random() < 0.9:
        w.call(f"{k}.{r.choice(['fetchall', 'fetchone'])}")


def odd_statement(w):
    r, k = w.r, w.a_cursor()
    w.execute(k, r.choice([
        None, 5, octets(b"select 1"), octets("select 'é'".encode()), octets(b"select '\xff'"), "select '\udc80'", "select '\0'", "",
        made("psycopg2.sql.SQL", "select 1"), ref("psycopg2.sql.NULL"), made("aid.Text", "select 1"), [], tup("select 1"),
        made("psycopg2.sql.Identifier", "t"), made("aid.Odd")]), *r.choice([[], [], [None], [[1]], [tup()]]))


def mogrify(w):
    r, k = w.r, w.a_cursor()
    choice = r.random()
    if choice < 0.6:
        w.call(f"{k}.mogrify", *with_arguments(r))
    elif choice < 0.8:
        w.call(f"{k}.mogrify", *unfit(r, scalar))
    else:
        w.call(f"{k}.mogrify", *with_arguments(r, wrong))


def composition(w):
    r, k = w.r, w.a_cursor()
    part = lambda: r.choice([  # noqa: E731
        made("psycopg2.sql.Identifier", r.choice(["t", "a b", "q\"q", "é", "s"])), made("psycopg2.sql.Identifier", "s", "t"),
        made("psycopg2.sql.Literal", scalar(r)), made("psycopg2.sql.Placeholder"), made("psycopg2.sql.Placeholder", "a"),
        made("psycopg2.sql.SQL", "1"), ref("psycopg2.sql.NULL"), ref("psycopg2.sql.DEFAULT"),
        made("psycopg2.sql.Composed", [made("psycopg2.sql.SQL", "1")]), anything(r)])
    v = w.a_register()
    choice = r.randrange(6)
    if choice == 0:
        w.call("psycopg2.sql.SQL", r.choice(["select {}, {}", "select {a}, {b}", "select {0}, {1}, {0}", "select {{}} {}", "{", "{!r}",
                                             "{:5}", "{a} {}", "select %s", 5]), into=v)
        w.call(f"{v}.format", *[part() for _ in range(r.randrange(0, 3))], into=v, **r.choice([{}, {"a": part(), "b": part()}]))
    elif choice == 1:
        w.call("psycopg2.sql.SQL", r.choice([", ", " and "]), into=v)
        w.call(f"{v}.join", [part() for _ in range(r.randrange(0, 4))], into=v)
    elif choice == 2:
        w.call(f"psycopg2.sql.{r.choice(['Identifier', 'Literal', 'Placeholder', 'SQL', 'Composed'])}",
               *[r.choice([part(), "a", 1, anything(r)]) for _ in range(r.randrange(0, 3))], into=v)
    elif choice == 3:
        w.call("psycopg2.sql.SQL", "select ", into=v)
        w.call(f"{v}.__add__", part(), into=v)
        w.call(f"{v}.__mul__", r.choice([0, 2]))
    else:
        w.call("psycopg2.sql.SQL", r.choice(["select {}", "select {}::text", "select * from {}"]), into=v)
        w.call(f"{v}.format", part(), into=v)
    w.call("builtins.repr", ref(v))
    if r.random() < 0.6:
        w.call(f"{v}.as_string", r.choice([ref(k), ref(w.a_connection()), None, 1]))
    if r.random() < 0.6:
        w.execute(k, ref(v), *r.choice([[], [[1]], [mapping([["a", 1]])]]))


def executemany(w):
    r, k = w.r, w.a_cursor()
    statement, rows = r.choice([
        ("insert into t values (%s, %s, %s)", [tup(100 + n, r.choice([1, 13, None]) if r.random() < 0.2 else n, text(r)) for n in range(r.choice([0, 1, 3, 120]))]),
        ("insert into t values (%(id)s, %(n)s, 'x')", [mapping([["id", 200 + n], ["n", n]]) for n in range(r.randrange(0, 4))]),
        ("insert into t values (%s, 1, 'x')", [tup(r.choice([1, 300, 301])) for n in range(r.randrange(1, 4))]),
        ("update t set n = %s where id = %s", [tup(n, n) for n in range(r.randrange(0, 4))]),
        ("delete from t where id = %s returning id", [tup(n) for n in range(r.randrange(1, 4))]),
        ("select %s", [tup(n) for n in range(r.randrange(0, 4))]),
        ("insert into t values (%s, 1, 'x') selct", [tup(1), tup(2)]),
        ("insert into t values (%s, 1, 'x'); insert into t values (%s, 1, 'y')", [tup(400, 401), tup(402, 1)]),
        ("insert into t values (%s, 13, 'x')", [tup(1)]), ("commit", [tup(), tup()]), ("", [tup()]), (r.choice(ERRORS), [tup()]),
        ("insert into t values (%s, 1, 'x')", [tup(500), tup(501, 1)]), ("insert into t values (%s, 1, 'x')", [tup(500), wrong(r)]),
        ("insert into t values (%s, 1, 'x')", [tup(500), tup(wrong(r)), tup(502)]), (r.choice(CHANGES), [None, None]),
        ("insert into t (id, v) values (%s, fail(%s)::text)", [tup(500, "a")]),
        ("insert into t (id, v) values (%s, shout(%s)::text)", [tup(500, "a"), tup(501, "b")])])
    choice = r.random()
    if choice < 0.25:
        rows = made("aid.generator", rows, r.random() < 0.4)
    elif choice < 0.3:
        rows = tup(*rows)
    elif choice < 0.35:
        rows = anything(r)
    w.call(f"{k}.executemany", statement, rows)


def after_a_commit_of_its_own(w):
    """The driver's idea of the transaction and the server's part."""
    k = w.a_cursor()
    w.execute(k, "select 1")
    w.execute(k, w.r.choice(["commit", "rollback", "commit; begin", "end", "prepare transaction 'by hand'"]))
    w.r.choice([executemany, change, end_transaction, batch, copy, session, reset])(w)


def batch(w):
    r, k = w.r, w.a_cursor()
    choice = r.randrange(3)
    if choice == 0:
        w.call("psycopg2.extras.execute_values", ref(k), r.choice([
            "insert into t values %s", "insert into t values %s returning id, v", "select * from (values %s) as x (a, b, c)", "select %s %s",
            "select 1", "insert into t values %s -- %%"]),
            r.choice([[tup(600 + n, n, text(r)) for n in range(r.choice([0, 1, 3, 130]))], made("aid.generator", [tup(1, 1, "x")], True),
                      [tup(600, wrong(r), "x")]]),
            **r.choice([{}, {"fetch": True}, {"page_size": 2}, {"template": "(%s, %s, %s)"}, {"template": "(%s, 1, 'x')"}, {"fetch": True, "page_size": 1}]))
    elif choice == 1:
        w.call("psycopg2.extras.execute_batch", ref(k), r.choice(["insert into t values (%s, %s, 'x')", "select %s, %s", "update t set n = %s where id = %s"]),
               [tup(r.choice([700 + n, 1]) if r.random() < 0.2 else 700 + n, n) for n in range(r.choice([0, 1, 3, 130]))],
               **r.choice([{}, {"page_size": 2}]))
    else:
        w.call(f"{k}.callproc", r.choice(["add", "s.add", "cur", "nowhere", "shout", "fail", "setting", "a b", "%s", "", 5]),
               *r.choice([[], [[1]], [[1, 2]], [["x"]], [mapping([["a", 1]])], [mapping([["a", 1], ["b", 5]])], [mapping([["a b", 1]])],
                          [tup("p")], [None], [mapping([[1, 2]])], [5], [[wrong(r)]]]))


# Rows


def fetch(w):
    r, k = w.r, w.a_cursor()
    choice = r.randrange(9)
    if choice in (0, 1):
        w.call(f"{k}.fetchone")
    elif choice == 2:
        w.call(f"{k}.fetchmany", *r.choice([[], [2], [0], [-1], [100], [None], [2 ** 31]]))
    elif choice in (3, 4):
        w.call(f"{k}.fetchall")
    elif choice == 5:
        w.add("iterate", k, n=r.choice([1, 3, 1000]))
    elif choice == 6:
        w.call(f"{k}.scroll", r.choice([0, 1, -1, 2, 5, -5, 100, 2 ** 31 - 1, -2 ** 31]), *r.choice([[], ["absolute"], ["relative"], ["wrong"]]))
    elif choice == 7:
        w.call(f"{k}.{r.choice(['nextset', 'setinputsizes', 'setoutputsize'])}", *r.choice([[], [1], [1, 2]]))
    else:
        w.call("builtins.next", ref(k))


def row_object(w):
    """A row of a cursor class of its own, and what it can."""
    r = w.r
    k = w.cursor(None, cursor_factory=ref(r.choice(FACTORIES[:3])))
    w.execute(k, r.choice(["select 1 as a, 'x' as b", "select 1 as a, 2 as a", "select 1 as \"A b\", 2 as \"1x\", 3 as _c, 4 as def",
                           "select * from t order by id", "select 1", "insert into t values (800, 8, 'x') returning id, v"]))
    v = w.a_register()
    w.call(f"{k}.{r.choice(['fetchone', '__next__'])}", into=v)
    for _ in range(r.randrange(1, 4)):
        name, given = r.choice([
            ("__getitem__", [r.choice(["a", 0, -1, 9, "no", None])]), ("keys", []), ("values", []), ("items", []), ("get", ["a"]), ("get", ["no", 5]),
            ("copy", []), ("_asdict", []), ("_fields.__len__", []), ("__repr__", []), ("__contains__", [r.choice(["a", 1, "no"])]),
            ("__len__", []), ("__setitem__", [r.choice(["a", 0]), 9]), ("__delitem__", ["a"]), ("pop", ["a"]), ("__eq__", [tup(1, "x")]),
            ("__eq__", [mapping([["a", 1], ["b", "x"]])]), ("_replace", []), ("index", [1]), ("has_key", ["a"]), ("setdefault", ["z", 1]),
            ("popitem", []), ("update", [mapping([["a", 3]])]), ("__iter__", []), ("__reversed__", []), ("clear", [])])
        w.call(f"{v}.{name}", *given)
    w.get(v)
    if r.random() < 0.5:
        w.call("builtins.dict" if r.random() < 0.5 else "builtins.list", ref(v))


# COPY


def copy(w):
    r, k = w.r, w.a_cursor()
    content = r.choice(["", "10\t1\ta\n", "10\t1\ta\n11\t2\tb\n", "10\t1\ta", "1\t1\tdup\n", "x\t1\ta\n", "10\t13\ta\n", "10\n", "10\t\\N\té\n",
                        "10\t1\ta\n\\.\nrest", "10|1|a\n", "10,1,\"q,q\"\n", "\0", "10\t1\t\\x41\n" * 3])
    v = w.a_register()
    kind = r.randrange(6)
    if kind in (0, 1):
        w.call("io.StringIO", content, into=v)
    elif kind == 2:
        w.call("io.BytesIO", octets(content.encode()), into=v)
    elif kind == 3:
        w.call("aid.FailingFile", content, at=r.randrange(0, 3), into=v)
    elif kind == 4:
        w.call("aid.SlowReader", content, into=v)
    else:
        w.call("aid.StrangeFile", r.choice([None, 5, octets(b""), "", octets(b"\xff"), [], -1]) if r.random() < 0.9 else "", into=v)
    given = ref(v) if r.random() < 0.95 else anything(r)
    choice = r.randrange(8)
    options = r.choice([{}, {}, {"sep": "|"}, {"null": "x"}, {"columns": tup("id", "n", "v")}, {"columns": ["id"]}, {"size": 3}, {"size": -1},
                        {"sep": "ab"}, {"columns": tup("no such")}, {"columns": "id"}, {"columns": []}, {"sep": "'"}, {"null": "it's"}, {"sep": None},
                        {"columns": tup(1)}, {"columns": tup("q\"q")}])
    table = r.choice(["t", "t", "t", "s.t", "nowhere", "q\"q", "child", 5, None, ""])
    if choice in (0, 1):
        w.call(f"{k}.copy_from", given, table, **options)
    elif choice in (2, 3):
        options.pop("size", None)
        w.call(f"{k}.copy_to", given, table, **options)
    else:
        w.call(f"{k}.copy_expert", r.choice([
            "copy t from stdin", "copy t from stdin", "copy t to stdout", "copy t to stdout", "copy (select generate_series(1, 5)) to stdout",
            "copy t from stdin csv", "copy t to stdout csv header", "copy t to stdout binary", "copy t from stdin binary", "copy nowhere to stdout",
            "select 1", "", "selct", "copy t from '/no/such/file'", "select 1; copy t to stdout", "copy t to stdout; select 1",
            "insert into t values (55, 5, 'x')", "begin", "commit", "copy (select 1/0) to stdout",
            "copy (select 1 / (3 - g) from generate_series(1, 5) g) to stdout", made("psycopg2.sql.SQL", "copy t to stdout"), 5, None,
            octets(b"copy t to stdout"), "set standard_conforming_strings = off; copy t to stdout", "copy t from stdin (format csv, delimiter '|')"]), given,
            **r.choice([{}, {}, {"size": 4}, {"size": "x"}]))


# Two-phase commit, large objects, notifications


def two_phase(w):
    r, c = w.r, w.a_connection()
    xid = lambda: r.choice([  # noqa: E731
        made(f"{c}.xid", 1, r.choice(["g", "it's", "", "é"]), r.choice(["b", ""])), made(f"{c}.xid", 42, "global", "branch"), "plain", "42_Z3Ri_YnJh",
        made("psycopg2.extensions.Xid", 0, "g", "b"), 5, None, ""])
    choice = r.randrange(9)
    if choice <= 3:
        given = xid()
        w.call(f"{c}.tpc_begin", given)
        for _ in range(r.randrange(0, 2)):
            r.choice([change, server_error])(w)
        if r.random() < 0.7:
            w.call(f"{c}.tpc_prepare")
        if r.random() < 0.3:
            r.choice([end_transaction, execute, session, reset, close_connection])(w)
        if r.random() < 0.8:
            w.call(f"{c}.{r.choice(['tpc_commit', 'tpc_rollback'])}", *r.choice([[], [], [], [given], [xid()]]))
    elif choice == 4:
        w.call(f"{c}.tpc_recover", into=w.a_register())
    elif choice == 5:
        w.call(f"{c}.{r.choice(['tpc_commit', 'tpc_rollback', 'tpc_prepare'])}", *r.choice([[], [xid()]]))
    elif choice == 6:
        v = w.a_register()
        w.call(f"{c}.xid", *r.choice([[1, "g", "b"], [-1, "g", "b"], [2 ** 31, "g", "b"], [1, "x" * 65, "b"], [1, "é", "b"], ["x", 1, 2], [1], [1, "g", "b", 4]]), into=v)
        w.call("builtins.repr", ref(v))
        w.call("builtins.str", ref(v))
        w.call("builtins.list", ref(v))
    elif choice == 7:
        v = w.a_register()
        w.call("psycopg2.extensions.Xid.from_string", r.choice(["plain", "42_Z3Ri_YnJh", "1_!_", "", 5, "a_b_c", "99999999999_Zw==_Zw=="]), into=v)
        for name in ("format_id", "gtrid", "bqual", "prepared", "owner", "database"):
            w.get(f"{v}.{name}")
    else:
        r.choice([end_transaction, change, reset])(w)


def large_object(w):
    r, c = w.r, w.a_connection()
    if not w.lobjects or r.random() < 0.3:
        name = f"o{len(w.lobjects)}"
        w.lobjects.append(name)
        w.call(f"{c}.lobject", *r.choice([[], [0], [0, "w"], [0, "rw"], [0, "wb"], [0, "n"], [0, "x"], [0, "r", 0], [999999999], [999999999, "n"], [-1],
                                          [2 ** 32], ["x"], [0, "rwb"], [0, "rt"], [0, "", 0, "/no/such/file"], [0, 5]]), into=name)
    name = r.choice(w.lobjects)
    method, given = r.choice([
        ("write", ["text é"]), ("write", [octets(b"\0bytes\xff")]), ("write", [""]), ("write", [5]), ("write", [made("builtins.bytearray", octets(b"x"))]),
        ("read", []), ("read", [3]), ("read", [0]), ("read", [-1]), ("read", [-2]), ("read", ["x"]), ("seek", [0]), ("seek", [2]), ("seek", [-1, 2]),
        ("seek", [0, 9]), ("seek", [2 ** 40]), ("seek", [2 ** 63]), ("seek", [-1]), ("tell", []), ("truncate", []), ("truncate", [2]), ("truncate", [-1]), ("close", []),
        ("unlink", []), ("export", ["/no/such/folder/file"]), ("seek", [0]), ("read", []), ("tell", []), ("write", ["abc"])])
    w.call(f"{name}.{method}", *given)
    if r.random() < 0.15:
        w.call("psycopg2.connect", ref("DSN"), into="c9")
        w.call("c9.lobject", ref(f"{name}.oid"), "r", into="o9")
        w.call("o9.read")
    if r.random() < 0.2:
        r.choice([end_transaction, execute, session, close_connection, reset])(w)


def notification(w):
    r = w.r
    c, k = w.a_connection(), w.a_cursor()
    choice = r.randrange(8)
    if choice in (0, 1):
        w.execute(k, r.choice(["listen ch", "listen \"É\"", "listen ch; notify ch, 'x'"]))
        if r.random() < 0.5:
            w.call(f"{c}.commit")
    elif choice == 2:
        w.execute(k, r.choice(["notify ch", "notify ch, 'payload'", "notify \"É\", 'é'", "select pg_notify('ch', repeat('x', 100))"]))
    elif choice == 3:
        w.other("notify ch, 'from the other'")
        w.add("arrival", c)
        w.call(f"{c}.poll")
    elif choice == 4:
        w.call(f"{c}.notifies.{r.choice(['clear', 'pop'])}")
    elif choice == 5:
        w.set(f"{c}.{r.choice(['notifies', 'notices'])}", 
              r.choice([[], None, tup(), 5, made("builtins.set"), made("aid.Odd")]))
    elif choice == 6:
        w.execute(k, r.choice(["select shout('n', 3)", "select shout('n', 60)", "do $$ begin raise warning 'w' using detail = 'd', hint = 'h'; end $$", "create temp table if not exists t9 (a int primary key)"]))
    else:
        w.call(f"{c}.poll")


# The other session


def other_session(w):
    w.other(w.r.choice([
        "insert into t values (90, 9, 'other')", "update t set n = n + 100", "delete from t where id = 1", "alter table t add column added int",
        "alter table t rename column v to renamed", "drop table t", "alter table t alter column n type text", "alter table t drop column n",
        "create table later (a int)", "notify ch, 'other'", "rollback prepared 'by hand'", "drop type mood cascade", "alter type mood add value 'new'",
        "truncate child", "drop function add", "insert into child (t_id) values (2)", "create or replace function add(a int, b int default 1) returns int language sql as 'select a * b'"]))


# Types and adapters


def types(w):
    r = w.r
    k, v = w.a_cursor(), w.a_register()
    choice = r.randrange(9)
    if choice in (0, 1):
        w.call("psycopg2.extensions.new_type", tup(r.choice([25, 23, 705, 1043, 17])), "CAST", ref(r.choice(["aid.upper", "aid.failing_cast", "aid.identity"])), into=v)
        w.call("psycopg2.extensions.register_type", ref(v), *r.choice([[], [ref(k)], [ref(w.a_connection())], [5]]))
    elif choice == 2:
        w.call("psycopg2.extensions.new_array_type", tup(1009), "CAST[]", r.choice([ref("psycopg2.STRING"), ref("psycopg2.extensions.UNICODE"), 5]), into=v)
        w.call("psycopg2.extensions.register_type", ref(v), *r.choice([[], [ref(k)]]))
    elif choice == 3:
        w.call("psycopg2.extras.register_composite", r.choice(["pair", "s.pair", "nowhere", "mood", ""]), ref(r.choice([k, w.a_connection()])), into=v)
    elif choice == 4:
        w.call("psycopg2.extras.register_hstore", ref(r.choice([k, w.a_connection()])), **r.choice([{}, {"globally": True}]))
    elif choice == 5:
        w.call("psycopg2.extras.register_range", r.choice(["int4range", "nowhere", "tsrange"]), r.choice(["Made", "int4range", ref("psycopg2.extras.NumericRange")]), ref(k))
    elif choice == 6:
        w.call(r.choice(["psycopg2.extras.register_default_json", "psycopg2.extras.register_default_jsonb", "psycopg2.extras.register_uuid", "psycopg2.extras.register_inet",
                         "psycopg2.extras.register_ipaddress"]), **{})
    elif choice == 7:
        w.call("psycopg2.extensions.register_adapter", ref("aid.Odd"), ref(r.choice(["psycopg2.extensions.AsIs", "aid.raising", "aid.identity"])))
        w.execute(k, "select %s", [made("aid.Odd")])
    else:
        name = r.choice(["BINARY", "BOOLEAN", "DATE", "DATETIME", "FLOAT", "INTEGER", "INTERVAL", "LONGINTEGER", "NUMBER", "ROWID", "STRING", "TIME", "UNICODE",
                         "PYDATE", "PYDATETIME", "PYINTERVAL", "PYTIME", "DECIMAL", "BINARYARRAY", "INTEGERARRAY", "STRINGARRAY", "DATEARRAY", "JSON"])
        path = f"psycopg2.{name}" if name in ("BINARY", "DATETIME", "NUMBER", "ROWID", "STRING") else f"psycopg2.extensions.{name}"
        w.call(path, r.choice([None, "1", "", "t", "f", "abc", "2024-01-02", "2024-01-02 03:04:05", "{1,2}", "{}", "{", "1 day", "-1:02:03", "NaN", "\\x41",
                               octets(b"1"), 5, "infinity", "é", "1e5", "24:00:00", "1 mon 2 days", "{NULL}", "{\"a\",b}", "{{1},{2}}", "04:05:06+01"]),
               r.choice([ref(k), ref(k), None, 5]))
    literals(w)


def adapters(w):
    r, v = w.r, w.a_register()
    name = r.choice(["adapt", "adapt", "adapt", "AsIs", "QuotedString", "Binary", "Boolean", "Float", "Int", "Decimal", "SQL_IN"])
    w.call(f"psycopg2.extensions.{name}", r.choice([scalar, scalar, wrong, anything])(r), into=v)
    if r.random() < 0.4:
        w.call(f"{v}.prepare", r.choice([ref(w.a_connection()), ref(w.a_connection()), ref(w.a_connection()), None, 5]))
    w.call(f"{v}.getquoted")
    w.get(f"{v}.{r.choice(['adapted', 'encoding', 'buffer', 'wrapped', 'conn'])}")
    w.call("builtins.str", ref(v))


def helpers(w):
    """Functions of modules that need no connection, or hardly one."""
    r = w.r
    c, k = w.a_connection(), w.a_cursor()
    v = w.a_register()
    dsn = r.choice(["host=a port=5", "dbname='it''s'", "postgresql://u:p@h:1/d?connect_timeout=5", "nonsense", "", "no_such=1", "host='", "a=b=c", "dbname=é", 5, None])
    r.choice([
        lambda: w.call("psycopg2.extensions.parse_dsn", dsn),
        lambda: w.call("psycopg2.extensions.make_dsn", *r.choice([[], [dsn]]), **r.choice([{}, {"dbname": text(r)}, {"port": 5}, {"no_such": 1}, {"host": None}, {"database": "x"}])),
        lambda: w.call("psycopg2.extensions.quote_ident", r.choice([text(r), anything(r)]), r.choice([ref(c), ref(k), None])),
        lambda: w.call("psycopg2.extensions.encrypt_password", r.choice(["pw", "é", 5]), r.choice(["user", None]), *r.choice([[None, "md5"], [ref(c), "md5"], [ref(c), "no such"], ["x"], [None, "scram"]])),
        lambda: w.get("psycopg2.apilevel"),
        lambda: w.call("psycopg2.errors.lookup", r.choice(["23505", "00000", "no", "", 5, "2350", "UE001"])),
        lambda: w.get(f"psycopg2.errorcodes.{r.choice(['UNIQUE_VIOLATION', 'NO_SUCH'])}"),
        lambda: w.call("psycopg2.errorcodes.lookup", r.choice(["23505", "00000", "no"])),
        lambda: w.call("psycopg2.Binary", anything(r)),
        lambda: w.call(f"psycopg2.{r.choice(['Date', 'Time', 'Timestamp', 'DateFromTicks', 'TimeFromTicks', 'TimestampFromTicks'])}", *[r.choice([1, 2020, 13, 0, -1, "x", 1.5]) for _ in range(r.randrange(0, 7))]),
        lambda: w.call(f"psycopg2.extras.{r.choice(['NumericRange', 'DateRange', 'Range'])}", *r.choice([[], [1], [1, 5], [5, 1], [1, 5, "[]"], [1, 5, "x"], [None, None, "()"]]), into=v),
        lambda: w.call("psycopg2.extensions.Notify", *r.choice([[], [1], [1, "ch"], [1, "ch", "p"], [1, "ch", "p", 4], ["x", 5]]), into=v),
        lambda: w.call("psycopg2.tz.FixedOffsetTimezone", *r.choice([[], [60], [60, "name"], [made("datetime.timedelta", minutes=90)], ["x"], [-1], [100000]]), into=v),
        lambda: w.call("psycopg2.extras.wait_select", ref(c)),
        lambda: w.call(f"{c}.get_parameter_status", anything(r)),
        lambda: w.call(f"{k}.cast", r.choice([23, 25, 1082, 16, 0, -1, 99999999, "x"]), r.choice(["1", "t", None, "", "2020-01-01", 5])),
        lambda: w.call("psycopg2.extensions.set_wait_callback", r.choice([5, None, ref("aid.identity")])),
        lambda: w.call("psycopg2.Error", *r.choice([[], ["x"], ["x", 1], [5]]), into=v),
        lambda: w.get(f"psycopg2.extensions.{r.choice(['STATUS_READY', 'TRANSACTION_STATUS_UNKNOWN', 'ISOLATION_LEVEL_DEFAULT', 'POLL_ERROR', 'REPLICATION_LOGICAL', 'no_such'])}"),
    ])()
    if w.steps[-1].get("as") == v:
        w.call("builtins.repr", ref(v))
        w.call("builtins.str", ref(v))
        w.get(f"{v}.{r.choice(['lower', 'upper', 'lower_inc', 'isempty', 'pid', 'channel', 'payload', 'pgcode', 'pgerror', 'diag', 'cursor', '__doc__', 'args'])}")


def wrong_call(w):
    """Any method with any arguments."""
    r = w.r
    if r.random() < 0.5:
        thing = w.a_connection()
        method = r.choice(["cursor", "commit", "rollback", "set_session", "set_isolation_level", "set_client_encoding", "xid", "tpc_begin", "tpc_commit",
                           "tpc_rollback", "tpc_prepare", "tpc_recover", "lobject", "get_parameter_status", "reset", "close", "poll", "isexecuting",
                           "get_backend_pid", "get_transaction_status", "get_dsn_parameters", "__enter__", "__exit__", "no_such"])
    else:
        thing = w.a_cursor()
        method = r.choice(["execute", "executemany", "callproc", "mogrify", "fetchone", "fetchmany", "fetchall", "scroll", "cast", "copy_from", "copy_to",
                           "copy_expert", "close", "nextset", "setinputsizes", "setoutputsize", "__enter__", "__exit__", "no_such", "__next__"])
    names = r.choice([[], [], ["query"], ["vars"], ["size"], ["value"], ["mode"], ["no_such"], ["name"], ["file"], ["sql"], ["vars_list"], ["procname"], ["parameters"],
                      ["isolation_level"], ["autocommit"], ["query", "vars"]])
    w.call(f"{thing}.{method}", *[anything(r) for _ in range(r.randrange(0, 4))], **{name: anything(r) for name in names})
    w.settle()


def wrong_attribute(w):
    r = w.r
    thing = w.a_connection() if r.random() < 0.5 else w.a_cursor()
    name = r.choice(["closed", "status", "autocommit", "isolation_level", "encoding", "notices", "notifies", "cursor_factory", "dsn", "info", "no_such", "rowcount", "description",
                     "arraysize", "itersize", "query", "name", "statusmessage", "lastrowid", "readonly", "deferrable", "string_types", "row_factory", "scrollable", "withhold"])
    if r.random() < 0.7:
        w.set(f"{thing}.{name}", anything(r))
    else:
        w.add("delete", f"{thing}.{name}")


# Asynchronous, and with a wait callback


def asynchronous_step(w):
    r = w.r
    c = r.choice(sorted(w.asynchronous) or w.connections)
    choice = r.randrange(8)
    if choice in (0, 1, 2):
        w.execute(w.a_cursor(), *r.choice([[any_text(r)], with_arguments(r)]))
    elif choice == 3:
        fetch(w)
    elif choice == 4:
        r.choice([end_transaction, session, reset, two_phase, large_object, copy, executemany, named_cursor, mogrify, block])(w)
    elif choice == 5:
        w.call(f"{w.a_cursor()}.execute", "select pg_sleep(0.5)")
        w.call(f"{w.a_cursor()}.{r.choice(['execute', 'fetchone', 'close', 'callproc', 'mogrify', 'scroll'])}", *r.choice([[], ["select 1"], ["add"], [1]]))
        w.wait(c)
    elif choice == 6:
        w.call(f"{w.a_cursor()}.execute", "select pg_sleep(4)")
        w.add("await", c, state="PgSleep")
        w.call(f"{c}.cancel")
        w.wait(c)
    else:
        w.call(f"{c}.{r.choice(['poll', 'isexecuting'])}")


def begin_asynchronous(w):
    c = w.connect(asynchronous=True)
    w.cursor(c)


def begin_green(w):
    w.call("psycopg2.extensions.set_wait_callback", ref("psycopg2.extras.wait_select"))
    w.cursor(w.connect())


def green_step(w):
    r = w.r
    if r.random() < 0.1:
        w.call("psycopg2.extensions.set_wait_callback", r.choice([ref("aid.wait_that_fails"), None, ref("psycopg2.extras.wait_select")]))
    else:
        r.choice([execute, execute, query, fetch, executemany, named_cursor, copy, large_object, end_transaction, session, batch, server_error, terminated, two_phase])(w)


def begin(w):
    w.cursor(w.connect())


def begin_autocommit(w):
    c = w.connect()
    w.set(f"{c}.autocommit", True)
    w.cursor(c)


def begin_odd(w):
    odd_connection(w)
    w.cursor()


@dataclass
class Theme:
    weight: float
    begin: Callable
    actions: dict


THEMES = {
    "statements": Theme(10, begin, {execute: 8, query: 6, fetch: 5, end_transaction: 3, server_error: 2, change: 3, new_cursor: 1, session: 1, mogrify: 1}),
    "transactions": Theme(10, begin, {
        transaction_text: 5, change: 4, end_transaction: 4, session: 4, query: 2, server_error: 2, executemany: 2, block: 3, after_a_commit_of_its_own: 3,
        second_connection: 0.5, reset: 1, named_cursor: 1, other_session: 1}),
    "autocommit": Theme(4, begin_autocommit, {
        transaction_text: 4, change: 4, end_transaction: 2, session: 2, query: 2, server_error: 2, executemany: 3, block: 2, named_cursor: 2, copy: 1, batch: 1}),
    "values": Theme(8, begin, {values: 8, literals: 4, mogrify: 3, composition: 1, end_transaction: 1, adapters: 2}),
    "literals": Theme(6, begin, {literals: 8, types: 3, cursor_attribute: 1, new_cursor: 1, end_transaction: 0.5}),
    "settings": Theme(6, begin, {setting: 5, execute: 2, values: 3, literals: 5, session: 2, transaction_text: 1, end_transaction: 2, reset: 1}),
    "cursors": Theme(8, begin, {named_cursor: 5, new_cursor: 2, odd_cursor: 1, cursor_attribute: 3, fetch: 7, query: 4, end_transaction: 2, close_cursor: 1,
                                drop_cursor: 1, row_object: 2, second_connection: 0.3, transaction_text: 1, change: 1}),
    "rows": Theme(3, begin, {row_object: 6, query: 3, fetch: 3, new_cursor: 2, end_transaction: 1}),
    "many": Theme(6, begin, {executemany: 7, batch: 4, change: 1, end_transaction: 2, session: 1, transaction_text: 1, fetch: 1, after_a_commit_of_its_own: 2}),
    "copy": Theme(7, begin, {copy: 8, query: 2, end_transaction: 2, session: 1, execute: 1, other_session: 0.3}),
    "two-phase": Theme(5, begin, {two_phase: 7, change: 1, session: 1, end_transaction: 1, second_connection: 0.7}),
    "large objects": Theme(5, begin, {large_object: 9, session: 0.5, end_transaction: 1}),
    "notifications": Theme(4, begin, {notification: 8, end_transaction: 2, execute: 1, session: 1, second_connection: 0.5}),
    "asynchronous": Theme(6, begin_asynchronous, {asynchronous_step: 8, new_cursor: 0.5, close_connection: 0.2, terminated: 0.2, helpers: 0.5}),
    "green": Theme(4, begin_green, {green_step: 1}),
    "lost": Theme(5, begin, {terminated: 2, use_after_end: 4, close_connection: 1.5, execute: 3, fetch: 2, end_transaction: 2, reset: 1, copy: 1, large_object: 1, close_cursor: 1,
                             block: 1, two_phase: 1, executemany: 1, named_cursor: 1, session: 1, mogrify: 1}),
    "helpers": Theme(4, begin, {helpers: 8, composition: 3, adapters: 3, types: 1}),
    "wrong calls": Theme(5, begin, {wrong_call: 8, wrong_attribute: 3, odd_statement: 2, odd_cursor: 1, query: 1, execute: 1}),
    "connecting": Theme(3, begin_odd, {odd_connection: 3, query: 2, session: 1, values: 2, end_transaction: 1}),
    "everything": Theme(6, begin, {
        execute: 5, query: 4, fetch: 4, values: 3, executemany: 2, copy: 1, batch: 1, named_cursor: 2, end_transaction: 3, session: 2, block: 1, two_phase: 1,
        large_object: 1, notification: 1, types: 1, other_session: 1, second_connection: 0.5, close_cursor: 0.5, terminated: 0.2, close_connection: 0.2,
        odd_statement: 0.5, wrong_call: 0.5, row_object: 1, composition: 0.5, cursor_attribute: 1, transaction_text: 1, reset: 0.5, use_after_end: 0.3}),
}
