"""Extensions to the DB API: base classes, constants, adapters for arguments and typecasters for results."""

from psycopg2 import _json, _psycopg
from psycopg2._psycopg import (  # noqa: F401
    BINARYARRAY,
    BOOLEAN,
    BOOLEANARRAY,
    BYTES,
    BYTESARRAY,
    DATE,
    DATEARRAY,
    DATETIMEARRAY,
    DECIMAL,
    DECIMALARRAY,
    FLOAT,
    FLOATARRAY,
    INTEGER,
    INTEGERARRAY,
    INTERVAL,
    INTERVALARRAY,
    LONGINTEGER,
    LONGINTEGERARRAY,
    PYDATE,
    PYDATEARRAY,
    PYDATETIME,
    PYDATETIMEARRAY,
    PYDATETIMETZ,
    PYDATETIMETZARRAY,
    PYINTERVAL,
    PYINTERVALARRAY,
    PYTIME,
    PYTIMEARRAY,
    ROWIDARRAY,
    SQL_IN,
    STRINGARRAY,
    TIME,
    TIMEARRAY,
    UNICODE,
    UNICODEARRAY,
    AsIs,
    Binary,
    Boolean,
    Column,
    ConnectionInfo,
    DateFromPy,
    Diagnostics,
    Float,
    Int,
    IntervalFromPy,
    ISQLQuote,
    NoneAdapter,
    Notify,
    QueryCanceledError,
    QuotedString,
    TimeFromPy,
    TimestampFromPy,
    TransactionRollbackError,
    adapt,
    adapters,
    binary_types,
    connection,
    cursor,
    encodings,
    encrypt_password,
    get_wait_callback,
    libpq_version,
    lobject,
    new_array_type,
    new_type,
    parse_dsn,
    quote_ident,
    register_type,
    set_wait_callback,
    string_types,
)
from psycopg2._xid import Xid  # noqa: F401

# Its documented module, which pickles refer to.
Xid.__module__ = __name__

ISOLATION_LEVEL_AUTOCOMMIT = 0
ISOLATION_LEVEL_READ_COMMITTED = 1
ISOLATION_LEVEL_REPEATABLE_READ = 2
ISOLATION_LEVEL_SERIALIZABLE = 3
ISOLATION_LEVEL_READ_UNCOMMITTED = 4
ISOLATION_LEVEL_DEFAULT = None

STATUS_SETUP = 0
STATUS_READY = 1
STATUS_BEGIN = 2
STATUS_IN_TRANSACTION = STATUS_BEGIN
STATUS_SYNC = 3
STATUS_ASYNC = 4
STATUS_PREPARED = 5

POLL_OK = 0
POLL_READ = 1
POLL_WRITE = 2
POLL_ERROR = 3

TRANSACTION_STATUS_IDLE = 0
TRANSACTION_STATUS_ACTIVE = 1
TRANSACTION_STATUS_INTRANS = 2
TRANSACTION_STATUS_INERROR = 3
TRANSACTION_STATUS_UNKNOWN = 4


def register_adapter(typ, callable):
    """Convert arguments of the class `typ` with `callable`, on all connections.

    `callable(value)` returns an adapter: an object with the method `getquoted()`, which returns an SQL literal as
    bytes.

        register_adapter(Point, lambda point: AsIs(f"'({point.x}, {point.y})'"))
    """
    adapters[typ, ISQLQuote] = callable


def make_dsn(dsn=None, **kwargs):
    """Merge a connection string or URI with keyword arguments, and return a connection string.

    A keyword takes precedence over the same parameter of `dsn`; a keyword that is None is ignored. Values may be str,
    numbers, bool, or lists, which are joined with commas. `database` is an alias of `dbname`. Without keywords, `dsn`
    is returned unchanged. Raises ProgrammingError for an invalid parameter.

        make_dsn("dbname=shop", host=["node1", "node2"])  # 'dbname=shop host=node1,node2'
    """
    merged, keywords = _merge_dsn(dsn, kwargs)
    try:
        parse_dsn(merged)
    except _psycopg.ProgrammingError:
        _check_keywords(keywords)
        raise
    return merged


def _merge_dsn(dsn, keywords):
    """Return the string that make_dsn() returns, before it is checked, and the keywords that are not None."""
    given = {name: value for name, value in keywords.items() if value is not None}
    if "database" in given:
        if "dbname" in given:
            raise TypeError("you can't specify both 'database' and 'dbname' arguments")
        given["dbname"] = given.pop("database")
    if dsn is None:
        dsn = ""
    if not given:
        return dsn, given
    given = {name: _setting(value) for name, value in given.items()}
    return _psycopg._format_dsn({**parse_dsn(dsn), **given} if dsn else given), given


def _check_keywords(keywords):
    """Raise ProgrammingError for the first keyword that is no connection parameter.

    The error for a whole connection string hides the word after a password, because it may be a part of the password.
    """
    for name in keywords:
        parse_dsn(f"{name}=''")


def _setting(value):
    if isinstance(value, (list, tuple)):
        # Hosts, ports and topology keys are comma-separated lists.
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


JSON, JSONARRAY = _json.register_default_json()
JSONB, JSONBARRAY = _json.register_default_jsonb()
