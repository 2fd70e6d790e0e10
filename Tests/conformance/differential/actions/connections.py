"""What scripts do with connections."""

from arguments import text
from language import octets, ref

LEVELS = [0, 1, 2, 3, 4, 5, -1, None, "serializable", "READ COMMITTED", "repeatable read", "read uncommitted",
          "default", "DEFAULT",
          "chaos", "", 1.5, octets(b"serializable")]
SWITCHES = [True, False, None, 0, 1, "default", "on", "DEFAULT", "", 2]
ENCODINGS = ["UTF8", "utf-8", "LATIN1", "latin-1", "SQL_ASCII", "WIN1252", "iso8859_15", "EUC_JP", "SJIS", "nonsense",
             "", 5, None]
FACTORIES = ["psycopg2.extras.DictCursor", "psycopg2.extras.RealDictCursor", "psycopg2.extras.NamedTupleCursor",
             "psycopg2.extensions.cursor", "psycopg2.extras.LoggingCursor"]


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
            "-c default_transaction_isolation=serializable", "-c standard_conforming_strings=off",
            "-c DateStyle=German",
            "-c default_transaction_read_only=on", "-c IntervalStyle=iso_8601", "-c no_such=1",
            "-c client_min_messages=debug1"])),
        lambda: w.connect(ref("DSN"), client_encoding=r.choice(ENCODINGS)),
        lambda: w.connect(ref("DSN"), application_name=text(r)),
        lambda: w.connect(ref("DSN"), **r.choice([
            {"no_such": 1}, {"dbname": "no_such_database"}, {"user": "no_such_user"}, {"port": "x"}, {"async": 1},
            {"password": "pw'd"},
            {"connection_factory": ref("aid.Odd")}, {"cursor_factory": ref("aid.Odd")}, {"cursor_factory": 1},
            {"connect_timeout": "x"},
            {"sslmode": "no_such"}, {"keepalives": 0}, {"target_session_attrs": "read-only"}, {"host": ""},
            {"dbname": None}])),
        lambda: w.connect(r.choice(["", "nonsense", "host=", "dbname='", 5, None, octets(b"host=x"),
                                    "postgresql://%zz/", "port=x"])),
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
    member = r.choice(["commit", "rollback", "cursor", "reset", "isolation_level", "encoding", "get_backend_pid",
                       "poll", "fileno",
                       "cancel", "notices", "lobject", "xid", "set_session", "tpc_recover", "get_dsn_parameters",
                       "info.dsn_parameters",
                       "info.socket", "__enter__", "set_client_encoding", "get_native_connection"])
    if member in ("isolation_level", "encoding", "notices", "info.dsn_parameters"):
        w.get(f"{c}.{member}")
    elif member in ("fileno", "info.socket", "get_native_connection", "cancel"):
        pass
    else:
        w.call(f"{c}.{member}", *(["UTF8"] if member == "set_client_encoding" else []))


def other_session(w):
    w.other(w.r.choice([
        "insert into t values (90, 9, 'other')", "update t set n = n + 100", "delete from t where id = 1",
        "alter table t add column added int",
        "alter table t rename column v to renamed", "drop table t", "alter table t alter column n type text",
        "alter table t drop column n",
        "create table later (a int)", "rollback prepared 'by hand'", "drop type mood cascade",
        "alter type mood add value 'new'",
        "truncate child", "drop function add", "insert into child (t_id) values (2)",
        "create or replace function add(a int, b int default 1) returns int language sql as 'select a * b'"]))
