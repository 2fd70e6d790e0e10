"""Typecasters and adapters of the script's own."""

from actions.execution import literals
from arguments import anything, scalar, wrong
from language import made, octets, ref, tup


def types(w):
    r = w.r
    k, v = w.a_cursor(), w.a_register()
    choice = r.randrange(9)
    if choice in (0, 1):
        w.call("psycopg2.extensions.new_type", tup(r.choice([25, 23, 705, 1043, 17])), "CAST",
               ref(r.choice(["aid.upper", "aid.failing_cast", "aid.identity"])), into=v)
        w.call("psycopg2.extensions.register_type", ref(v), *r.choice([[], [ref(k)], [ref(w.a_connection())], [5]]))
    elif choice == 2:
        w.call("psycopg2.extensions.new_array_type", tup(1009), "CAST[]", r.choice([ref("psycopg2.STRING"),
            ref("psycopg2.extensions.UNICODE"), 5]), into=v)
        w.call("psycopg2.extensions.register_type", ref(v), *r.choice([[], [ref(k)]]))
    elif choice == 3:
        w.call("psycopg2.extras.register_composite", r.choice(["pair", "s.pair", "nowhere", "mood", ""]),
               ref(r.choice([k, w.a_connection()])), into=v)
    elif choice == 4:
        w.call("psycopg2.extras.register_hstore", ref(r.choice([k, w.a_connection()])), **r.choice([{},
            {"globally": True}]))
    elif choice == 5:
        w.call("psycopg2.extras.register_range", r.choice(["int4range", "nowhere", "tsrange"]), r.choice(["Made",
            "int4range", ref("psycopg2.extras.NumericRange")]), ref(k))
    elif choice == 6:
        w.call(r.choice(["psycopg2.extras.register_default_json", "psycopg2.extras.register_default_jsonb",
                         "psycopg2.extras.register_uuid", "psycopg2.extras.register_inet",
                         "psycopg2.extras.register_ipaddress"]), **{})
    elif choice == 7:
        w.call("psycopg2.extensions.register_adapter", ref("aid.Odd"), ref(r.choice(["psycopg2.extensions.AsIs",
            "aid.raising", "aid.identity"])))
        w.execute(k, "select %s", [made("aid.Odd")])
    else:
        name = r.choice(["BINARY", "BOOLEAN", "DATE", "DATETIME", "FLOAT", "INTEGER", "INTERVAL", "LONGINTEGER",
                         "NUMBER", "ROWID", "STRING", "TIME", "UNICODE",
                         "PYDATE", "PYDATETIME", "PYINTERVAL", "PYTIME", "DECIMAL", "BINARYARRAY", "INTEGERARRAY",
                         "STRINGARRAY", "DATEARRAY", "JSON"])
        path = f"psycopg2.{name}" if name in ("BINARY", "DATETIME", "NUMBER", "ROWID",
                                              "STRING") else f"psycopg2.extensions.{name}"
        w.call(path, r.choice([None, "1", "", "t", "f", "abc", "2024-01-02", "2024-01-02 03:04:05", "{1,2}", "{}", "{",
                               "1 day", "-1:02:03", "NaN", "\\x41",
                               octets(b"1"), 5, "infinity", "é", "1e5", "24:00:00", "1 mon 2 days", "{NULL}",
                               "{\"a\",b}", "{{1},{2}}", "04:05:06+01"]),
               r.choice([ref(k), ref(k), None, 5]))
    literals(w)


def adapters(w):
    r, v = w.r, w.a_register()
    name = r.choice(["adapt", "adapt", "adapt", "AsIs", "QuotedString", "Binary", "Boolean", "Float", "Int", "Decimal",
                     "SQL_IN"])
    w.call(f"psycopg2.extensions.{name}", r.choice([scalar, scalar, wrong, anything])(r), into=v)
    if r.random() < 0.4:
        w.call(f"{v}.prepare", r.choice([ref(w.a_connection()), ref(w.a_connection()), ref(w.a_connection()), None, 5]))
    w.call(f"{v}.getquoted")
    w.get(f"{v}.{r.choice(['adapted', 'encoding', 'buffer', 'wrapped', 'conn'])}")
    w.call("builtins.str", ref(v))
