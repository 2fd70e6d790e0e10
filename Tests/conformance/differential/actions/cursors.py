"""What scripts do with cursors and their rows."""

from actions.connections import FACTORIES
from arguments import anything
from language import mapping, ref, tup
from statements import literal, selection


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
        w.execute(k, r.choice(["select * from t order by id", "select generate_series(1, 30) as n", selection(r),
                               literal_select(r)]))
        for _ in range(r.randrange(0, 4)):
            fetch(w)


def literal_select(r):
    return f"select {literal(r)} as a"


def odd_cursor(w):
    r = w.r
    w.cursor(None, *[anything(r) for _ in range(r.randrange(0, 3))], **r.choice([
        {}, {"name": anything(r)}, {"cursor_factory": anything(r)}, {"scrollable": anything(r)},
        {"withhold": anything(r)},
        {"no_such": 1}, {"cursor_factory": ref("aid.identity")}, {"cursor_factory": ref("aid.raising")},
        {"scrollable": True},
        {"withhold": True}]))


def cursor_attribute(w):
    r, k = w.r, w.a_cursor()
    name = r.choice(["arraysize", "itersize", "scrollable", "withhold", "row_factory", "tzinfo_factory", "rowcount",
                     "name",
                     "description", "query", "string_types", "connection", "typecaster", "binary_types"])
    good = {"arraysize": [1, 2, 50], "itersize": [1, 3], "scrollable": [True, False, None], "withhold": [True, False],
            "row_factory": [ref("aid.list_of_rows"), None], "tzinfo_factory": [None,
                ref("psycopg2.tz.FixedOffsetTimezone"), ref("aid.raising")]}
    w.set(f"{k}.{name}", r.choice(good.get(name, [None])) if r.random() < 0.7 else anything(r))


def close_cursor(w):
    w.call(f"{w.a_cursor()}.close")


def drop_cursor(w):
    if w.cursors:
        w.add("drop", w.a_cursor())


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
        w.call(f"{k}.scroll", r.choice([0, 1, -1, 2, 5, -5, 100, 2 ** 31 - 1, -2 ** 31]), *r.choice([[], ["absolute"],
            ["relative"], ["wrong"]]))
    elif choice == 7:
        w.call(f"{k}.{r.choice(['nextset', 'setinputsizes', 'setoutputsize'])}", *r.choice([[], [1], [1, 2]]))
    else:
        w.call("builtins.next", ref(k))


def row_object(w):
    """A row of a cursor class of its own, and what it can."""
    r = w.r
    k = w.cursor(None, cursor_factory=ref(r.choice(FACTORIES[:3])))
    w.execute(k, r.choice(["select 1 as a, 'x' as b", "select 1 as a, 2 as a",
                           "select 1 as \"A b\", 2 as \"1x\", 3 as _c, 4 as def",
                           "select * from t order by id", "select 1",
                           "insert into t values (800, 8, 'x') returning id, v"]))
    v = w.a_register()
    w.call(f"{k}.{r.choice(['fetchone', '__next__'])}", into=v)
    for _ in range(r.randrange(1, 4)):
        name, given = r.choice([
            ("__getitem__", [r.choice(["a", 0, -1, 9, "no", None])]), ("keys", []), ("values", []), ("items", []),
            ("get", ["a"]), ("get", ["no", 5]),
            ("copy", []), ("_asdict", []), ("_fields.__len__", []), ("__repr__", []), ("__contains__", [r.choice(["a",
                1, "no"])]),
            ("__len__", []), ("__setitem__", [r.choice(["a", 0]), 9]), ("__delitem__", ["a"]), ("pop", ["a"]),
            ("__eq__", [tup(1, "x")]),
            ("__eq__", [mapping([["a", 1], ["b", "x"]])]), ("_replace", []), ("index", [1]), ("has_key", ["a"]),
            ("setdefault", ["z", 1]),
            ("popitem", []), ("update", [mapping([["a", 3]])]), ("__iter__", []), ("__reversed__", []), ("clear", [])])
        w.call(f"{v}.{name}", *given)
    w.get(v)
    if r.random() < 0.5:
        w.call("builtins.dict" if r.random() < 0.5 else "builtins.list", ref(v))
