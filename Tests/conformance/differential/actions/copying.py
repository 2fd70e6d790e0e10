"""What scripts copy."""

from arguments import anything
from language import made, octets, ref, tup


def copy(w):
    r, k = w.r, w.a_cursor()
    content = r.choice(["", "10\t1\ta\n", "10\t1\ta\n11\t2\tb\n", "10\t1\ta", "1\t1\tdup\n", "x\t1\ta\n", "10\t13\ta\n",
                        "10\n", "10\t\\N\té\n",
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
        w.call("aid.StrangeFile", r.choice([None, 5, octets(b""), "", octets(b"\xff"), [],
                                            -1]) if r.random() < 0.9 else "", into=v)
    given = ref(v) if r.random() < 0.95 else anything(r)
    choice = r.randrange(8)
    options = r.choice([{}, {}, {"sep": "|"}, {"null": "x"}, {"columns": tup("id", "n", "v")}, {"columns": ["id"]},
                        {"size": 3}, {"size": -1},
                        {"sep": "ab"}, {"columns": tup("no such")}, {"columns": "id"}, {"columns": []}, {"sep": "'"},
                        {"null": "it's"}, {"sep": None},
                        {"columns": tup(1)}, {"columns": tup("q\"q")}])
    table = r.choice(["t", "t", "t", "s.t", "nowhere", "q\"q", "child", 5, None, ""])
    if choice in (0, 1):
        w.call(f"{k}.copy_from", given, table, **options)
    elif choice in (2, 3):
        options.pop("size", None)
        w.call(f"{k}.copy_to", given, table, **options)
    else:
        w.call(f"{k}.copy_expert", r.choice([
            "copy t from stdin", "copy t from stdin", "copy t to stdout", "copy t to stdout",
            "copy (select generate_series(1, 5)) to stdout",
            "copy t from stdin csv", "copy t to stdout csv header", "copy t to stdout binary",
            "copy t from stdin binary", "copy nowhere to stdout",
            "select 1", "", "selct", "copy t from '/no/such/file'", "select 1; copy t to stdout",
            "copy t to stdout; select 1",
            "insert into t values (55, 5, 'x')", "begin", "commit", "copy (select 1/0) to stdout",
            "copy (select 1 / (3 - g) from generate_series(1, 5) g) to stdout", made("psycopg2.sql.SQL",
                "copy t to stdout"), 5, None,
            octets(b"copy t to stdout"), "set standard_conforming_strings = off; copy t to stdout",
            "copy t from stdin (format csv, delimiter '|')"]), given,
               **r.choice([{}, {}, {"size": 4}, {"size": "x"}]))
