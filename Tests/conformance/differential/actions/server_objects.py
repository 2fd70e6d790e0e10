"""Two-phase commit, large objects, and notifications."""

from actions.connections import close_connection, end_transaction, reset, session
from actions.execution import change, execute, server_error
from language import made, octets, ref, tup


def two_phase(w):
    r, c = w.r, w.a_connection()
    xid = lambda: r.choice([  # noqa: E731
        made(f"{c}.xid", 1, r.choice(["g", "it's", "", "é"]), r.choice(["b", ""])), made(f"{c}.xid", 42, "global",
            "branch"), "plain", "42_Z3Ri_YnJh",
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
        w.call(f"{c}.xid", *r.choice([[1, "g", "b"], [-1, "g", "b"], [2 ** 31, "g", "b"], [1, "x" * 65, "b"], [1, "é",
            "b"], ["x", 1, 2], [1], [1, "g", "b", 4]]), into=v)
        w.call("builtins.repr", ref(v))
        w.call("builtins.str", ref(v))
        w.call("builtins.list", ref(v))
    elif choice == 7:
        v = w.a_register()
        w.call("psycopg2.extensions.Xid.from_string", r.choice(["plain", "42_Z3Ri_YnJh", "1_!_", "", 5, "a_b_c",
                                                                "99999999999_Zw==_Zw=="]), into=v)
        for name in ("format_id", "gtrid", "bqual", "prepared", "owner", "database"):
            w.get(f"{v}.{name}")
    else:
        r.choice([end_transaction, change, reset])(w)


def large_object(w):
    r, c = w.r, w.a_connection()
    if not w.lobjects or r.random() < 0.3:
        name = f"o{len(w.lobjects)}"
        w.lobjects.append(name)
        w.call(f"{c}.lobject", *r.choice([[], [0], [0, "w"], [0, "rw"], [0, "wb"], [0, "n"], [0, "x"], [0, "r", 0],
                                          [999999999], [999999999, "n"], [-1],
                                          [2 ** 32], ["x"], [0, "rwb"], [0, "rt"], [0, "", 0, "/no/such/file"], [0,
                                              5]]), into=name)
    name = r.choice(w.lobjects)
    method, given = r.choice([
        ("write", ["text é"]), ("write", [octets(b"\0bytes\xff")]), ("write", [""]), ("write", [5]), ("write",
            [made("builtins.bytearray", octets(b"x"))]),
        ("read", []), ("read", [3]), ("read", [0]), ("read", [-1]), ("read", [-2]), ("read", ["x"]), ("seek", [0]),
        ("seek", [2]), ("seek", [-1, 2]),
        ("seek", [0, 9]), ("seek", [2 ** 40]), ("seek", [2 ** 63]), ("seek", [-1]), ("tell", []), ("truncate", []),
        ("truncate", [2]), ("truncate", [-1]), ("close", []),
        ("unlink", []), ("export", ["/no/such/folder/file"]), ("seek", [0]), ("read", []), ("tell", []), ("write",
            ["abc"])])
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
        w.execute(k, r.choice(["notify ch", "notify ch, 'payload'", "notify \"É\", 'é'",
                               "select pg_notify('ch', repeat('x', 100))"]))
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
        w.execute(k, r.choice(["select shout('n', 3)", "select shout('n', 60)",
                               "do $$ begin raise warning 'w' using detail = 'd', hint = 'h'; end $$",
                               "create temp table if not exists t9 (a int primary key)"]))
    else:
        w.call(f"{c}.poll")
