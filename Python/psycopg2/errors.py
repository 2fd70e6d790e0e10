"""One exception class per SQLSTATE.

    try:
        cursor.execute("INSERT INTO item VALUES (1)")
    except psycopg2.errors.UniqueViolation:
        connection.rollback()
"""

from psycopg2 import _psycopg
from psycopg2._psycopg import (  # noqa: F401
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    QueryCanceledError,
    TransactionRollbackError,
    Warning,
)


def lookup(code):
    """Return the exception class for an SQLSTATE, for example `lookup("23505")`. Raises KeyError for an unknown one."""
    return _psycopg.sqlstate_errors[code]


globals().update((error.__name__, error) for error in _psycopg.sqlstate_errors.values())
