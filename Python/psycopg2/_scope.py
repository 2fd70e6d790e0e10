"""Helpers for functions that take a connection or a cursor as the scope of a registration."""

from contextlib import contextmanager, suppress

from psycopg2._psycopg import ProgrammingError, cursor


def connection_and_cursor(scope):
    """Return the connection of `scope`, a connection or a cursor, and a new plain cursor of it.

    Objects that wrap one are accepted too, such as SQLAlchemy's pooled connections and Django's cursors. Raises
    ProgrammingError if `scope` is None.
    """
    if scope is None:
        raise ProgrammingError("no connection or cursor provided")
    connection = scope.connection if hasattr(scope, "execute") else scope
    return connection, connection.cursor(cursor_factory=cursor)


@contextmanager
def undisturbed(scope):
    """Context manager that rolls the connection `scope` back at the end, unless it was in a transaction before."""
    had_one = scope.status == _STATUS_BEGIN or scope.autocommit
    try:
        yield
    except BaseException:
        if not had_one:
            # An error of the rollback must not hide the original exception.
            with suppress(Exception):
                scope.rollback()
        raise
    if not had_one:
        scope.rollback()


_STATUS_BEGIN = 2
