"""Functions that need hardly a connection, and calls that are wrong."""

from arguments import anything, text
from language import made, ref


MAKERS = [
    "Date", "Time", "Timestamp", "DateFromTicks", "TimeFromTicks", "TimestampFromTicks",
]
CONSTANTS = [
    "STATUS_READY", "TRANSACTION_STATUS_UNKNOWN", "ISOLATION_LEVEL_DEFAULT", "POLL_ERROR", "REPLICATION_LOGICAL",
    "no_such",
]
SHOWN = [
    "lower", "upper", "lower_inc", "isempty", "pid", "channel", "payload", "pgcode", "pgerror", "diag", "cursor",
    "__doc__", "args",
]


def helpers(w):
    """Functions of modules that need no connection, or hardly one."""
    r = w.r
    c, k = w.a_connection(), w.a_cursor()
    v = w.a_register()
    dsn = r.choice(["host=a port=5", "dbname='it''s'", "postgresql://u:p@h:1/d?connect_timeout=5", "nonsense", "",
                    "no_such=1", "host='", "a=b=c", "dbname=é", 5, None])
    r.choice([
        lambda: w.call("psycopg2.extensions.parse_dsn", dsn),
        lambda: w.call("psycopg2.extensions.make_dsn", *r.choice([[], [dsn]]), **r.choice([{}, {"dbname": text(r)},
            {"port": 5}, {"no_such": 1}, {"host": None}, {"database": "x"}])),
        lambda: w.call("psycopg2.extensions.quote_ident", r.choice([text(r), anything(r)]), r.choice([ref(c), ref(k),
            None])),
        lambda: w.call("psycopg2.extensions.encrypt_password", r.choice(["pw", "é", 5]), r.choice(["user", None]),
                       *r.choice([[None, "md5"], [ref(c), "md5"], [ref(c), "no such"], ["x"], [None, "scram"]])),
        lambda: w.get("psycopg2.apilevel"),
        lambda: w.call("psycopg2.errors.lookup", r.choice(["23505", "00000", "no", "", 5, "2350", "UE001"])),
        lambda: w.get(f"psycopg2.errorcodes.{r.choice(['UNIQUE_VIOLATION', 'NO_SUCH'])}"),
        lambda: w.call("psycopg2.errorcodes.lookup", r.choice(["23505", "00000", "no"])),
        lambda: w.call("psycopg2.Binary", anything(r)),
        lambda: w.call(f"psycopg2.{r.choice(MAKERS)}",
                       *[r.choice([1, 2020, 13, 0, -1, "x", 1.5]) for _ in range(r.randrange(0, 7))]),
        lambda: w.call(f"psycopg2.extras.{r.choice(['NumericRange', 'DateRange', 'Range'])}",
                       *r.choice([[], [1], [1, 5], [5, 1], [1, 5, "[]"], [1, 5, "x"], [None, None, "()"]]), into=v),
        lambda: w.call("psycopg2.extensions.Notify", *r.choice([[], [1], [1, "ch"], [1, "ch", "p"], [1, "ch", "p", 4],
                                                                ["x", 5]]), into=v),
        lambda: w.call("psycopg2.tz.FixedOffsetTimezone",
                       *r.choice([[], [60], [60, "name"], [made("datetime.timedelta", minutes=90)], ["x"], [-1],
                                  [100000]]),
                       into=v),
        lambda: w.call("psycopg2.extras.wait_select", ref(c)),
        lambda: w.call(f"{c}.get_parameter_status", anything(r)),
        lambda: w.call(f"{k}.cast", r.choice([23, 25, 1082, 16, 0, -1, 99999999, "x"]),
                       r.choice(["1", "t", None, "", "2020-01-01", 5])),
        lambda: w.call("psycopg2.extensions.set_wait_callback", r.choice([5, None, ref("aid.identity")])),
        lambda: w.call("psycopg2.Error", *r.choice([[], ["x"], ["x", 1], [5]]), into=v),
        lambda: w.get(f"psycopg2.extensions.{r.choice(CONSTANTS)}"),
    ])()
    if w.steps[-1].get("as") == v:
        w.call("builtins.repr", ref(v))
        w.call("builtins.str", ref(v))
        w.get(f"{v}.{r.choice(SHOWN)}")


def wrong_call(w):
    """Any method with any arguments."""
    r = w.r
    if r.random() < 0.5:
        thing = w.a_connection()
        method = r.choice(["cursor", "commit", "rollback", "set_session", "set_isolation_level", "set_client_encoding",
                           "xid", "tpc_begin", "tpc_commit",
                           "tpc_rollback", "tpc_prepare", "tpc_recover", "lobject", "get_parameter_status", "reset",
                           "close", "poll", "isexecuting",
                           "get_backend_pid", "get_transaction_status", "get_dsn_parameters", "__enter__", "__exit__",
                           "no_such"])
    else:
        thing = w.a_cursor()
        method = r.choice(["execute", "executemany", "callproc", "mogrify", "fetchone", "fetchmany", "fetchall",
                           "scroll", "cast", "copy_from", "copy_to",
                           "copy_expert", "close", "nextset", "setinputsizes", "setoutputsize", "__enter__", "__exit__",
                           "no_such", "__next__"])
    names = r.choice([[], [], ["query"], ["vars"], ["size"], ["value"], ["mode"], ["no_such"], ["name"], ["file"],
                      ["sql"], ["vars_list"], ["procname"], ["parameters"],
                      ["isolation_level"], ["autocommit"], ["query", "vars"]])
    w.call(f"{thing}.{method}", *[anything(r) for _ in range(r.randrange(0, 4))],
           **{name: anything(r) for name in names})
    w.settle()


def wrong_attribute(w):
    r = w.r
    thing = w.a_connection() if r.random() < 0.5 else w.a_cursor()
    name = r.choice(["closed", "status", "autocommit", "isolation_level", "encoding", "notices", "notifies",
                     "cursor_factory", "dsn", "info", "no_such", "rowcount", "description",
                     "arraysize", "itersize", "query", "name", "statusmessage", "lastrowid", "readonly", "deferrable",
                     "string_types", "row_factory", "scrollable", "withhold"])
    if r.random() < 0.7:
        w.set(f"{thing}.{name}", anything(r))
    else:
        w.add("delete", f"{thing}.{name}")
