"""An exception class for each SQLSTATE: `psycopg2.errors.UniqueViolation` and so on."""

from psycopg2 import _psycopg


def lookup(code):
    """Return the exception class of an SQLSTATE; KeyError if it has none."""
    return _psycopg.sqlstate_errors[code]


globals().update((error.__name__, error) for error in _psycopg.sqlstate_errors.values())
