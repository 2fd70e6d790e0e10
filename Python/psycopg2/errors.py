"""An exception class for each SQLSTATE: `psycopg2.errors.UniqueViolation` and so on."""

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
    """Return the exception class of an SQLSTATE; KeyError if it has none."""
    return _psycopg.sqlstate_errors[code]


globals().update((error.__name__, error) for error in _psycopg.sqlstate_errors.values())
