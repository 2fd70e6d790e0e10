"""What scripts execute."""

from actions.cursors import fetch
from arguments import anything, scalar, text, wrong
from language import made, mapping, octets, ref, tup
from statements import CHANGES, ERRORS, PLAIN, SETTINGS, TRANSACTIONS, any_text, selection, unfit, with_arguments


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
        None, 5, octets(b"select 1"), octets("select 'é'".encode()), octets(b"select '\xff'"), "select '\udc80'",
        "select '\0'", "",
        made("psycopg2.sql.SQL", "select 1"), ref("psycopg2.sql.NULL"), made("aid.Text", "select 1"), [],
        tup("select 1"),
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
        made("psycopg2.sql.Identifier", r.choice(["t", "a b", "q\"q", "é", "s"])), made("psycopg2.sql.Identifier", "s",
            "t"),
        made("psycopg2.sql.Literal", scalar(r)), made("psycopg2.sql.Placeholder"), made("psycopg2.sql.Placeholder",
            "a"),
        made("psycopg2.sql.SQL", "1"), ref("psycopg2.sql.NULL"), ref("psycopg2.sql.DEFAULT"),
        made("psycopg2.sql.Composed", [made("psycopg2.sql.SQL", "1")]), anything(r)])
    v = w.a_register()
    choice = r.randrange(6)
    if choice == 0:
        w.call("psycopg2.sql.SQL", r.choice(["select {}, {}", "select {a}, {b}", "select {0}, {1}, {0}",
                                             "select {{}} {}", "{", "{!r}",
                                             "{:5}", "{a} {}", "select %s", 5]), into=v)
        w.call(f"{v}.format", *[part() for _ in range(r.randrange(0, 3))], into=v, **r.choice([{}, {"a": part(),
            "b": part()}]))
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
        ("insert into t values (%s, %s, %s)", [tup(100 + n, r.choice([1, 13, None]) if r.random() < 0.2 else n,
                                                   text(r)) for n in range(r.choice([0, 1, 3, 120]))]),
        ("insert into t values (%(id)s, %(n)s, 'x')", [mapping([["id", 200 + n], ["n",
            n]]) for n in range(r.randrange(0, 4))]),
        ("insert into t values (%s, 1, 'x')", [tup(r.choice([1, 300, 301])) for n in range(r.randrange(1, 4))]),
        ("update t set n = %s where id = %s", [tup(n, n) for n in range(r.randrange(0, 4))]),
        ("delete from t where id = %s returning id", [tup(n) for n in range(r.randrange(1, 4))]),
        ("select %s", [tup(n) for n in range(r.randrange(0, 4))]),
        ("insert into t values (%s, 1, 'x') selct", [tup(1), tup(2)]),
        ("insert into t values (%s, 1, 'x'); insert into t values (%s, 1, 'y')", [tup(400, 401), tup(402, 1)]),
        ("insert into t values (%s, 13, 'x')", [tup(1)]), ("commit", [tup(), tup()]), ("", [tup()]), (r.choice(ERRORS),
            [tup()]),
        ("insert into t values (%s, 1, 'x')", [tup(500), tup(501, 1)]), ("insert into t values (%s, 1, 'x')", [tup(500),
            wrong(r)]),
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


def batch(w):
    r, k = w.r, w.a_cursor()
    choice = r.randrange(3)
    if choice == 0:
        w.call("psycopg2.extras.execute_values", ref(k), r.choice([
            "insert into t values %s", "insert into t values %s returning id, v",
            "select * from (values %s) as x (a, b, c)", "select %s %s",
            "select 1", "insert into t values %s -- %%"]),
               r.choice([[tup(600 + n, n, text(r)) for n in range(r.choice([0, 1, 3, 130]))], made("aid.generator",
                   [tup(1, 1, "x")], True),
                         [tup(600, wrong(r), "x")]]),
               **r.choice([{}, {"fetch": True}, {"page_size": 2}, {"template": "(%s, %s, %s)"},
                           {"template": "(%s, 1, 'x')"}, {"fetch": True, "page_size": 1}]))
    elif choice == 1:
        w.call("psycopg2.extras.execute_batch", ref(k), r.choice(["insert into t values (%s, %s, 'x')", "select %s, %s",
                                                                  "update t set n = %s where id = %s"]),
               [tup(r.choice([700 + n, 1]) if r.random() < 0.2 else 700 + n, n) for n in range(r.choice([0, 1, 3,
                   130]))],
               **r.choice([{}, {"page_size": 2}]))
    else:
        w.call(f"{k}.callproc", r.choice(["add", "s.add", "cur", "nowhere", "shout", "fail", "setting", "a b", "%s", "",
                                          5]),
               *r.choice([[], [[1]], [[1, 2]], [["x"]], [mapping([["a", 1]])], [mapping([["a", 1], ["b", 5]])],
                          [mapping([["a b", 1]])],
                          [tup("p")], [None], [mapping([[1, 2]])], [5], [[wrong(r)]]]))
