"""psycopg2's extensions to the DB API: types to inherit from, constants, adaptation and typecasting."""

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

# Where it is documented, and what a pickle names it by.
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
    """Adapt objects of `typ` by `callable`, which makes an object with the ISQLQuote protocol of one."""
    adapters[typ, ISQLQuote] = callable


def make_dsn(dsn=None, **kwargs):
    """Return a connection string of another one and of keywords, which take precedence. None leaves a keyword out."""
    merged, keywords = _merge_dsn(dsn, kwargs)
    try:
        parse_dsn(merged)
    except _psycopg.ProgrammingError:
        _check_keywords(keywords)
        raise
    return merged


def _merge_dsn(dsn, keywords):
    """Return what make_dsn() does, unchecked, and the keywords under libpq's names that are not None."""
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
    """Raise the ProgrammingError that names the first keyword which is none.

    The error for a whole connection string does not show a word behind a password, because it may be a part of it.
    """
    for name in keywords:
        parse_dsn(f"{name}=''")


def _setting(value):
    if isinstance(value, (list, tuple)):
        # Hosts, ports and topology keys are lists with commas.
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


JSON, JSONARRAY = _json.register_default_json()
JSONB, JSONBARRAY = _json.register_default_jsonb()
