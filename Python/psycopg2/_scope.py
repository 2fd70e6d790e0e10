"""What registering functions take as their scope: a connection or a cursor."""

from contextlib import contextmanager

from psycopg2._psycopg import connection, cursor


def connection_and_cursor(scope):
    """Return the connection of a connection or cursor, and a plain cursor of it."""
    if isinstance(scope, cursor):
        return scope.connection, scope.connection.cursor(cursor_factory=cursor)
    if isinstance(scope, connection):
        return scope, scope.cursor(cursor_factory=cursor)
    raise TypeError(f"expected a connection or a cursor, not {type(scope).__name__}")


@contextmanager
def undisturbed(scope):
    """Leave the connection without a transaction if it had none."""
    before = scope.status
    try:
        yield
    finally:
        if before != _STATUS_BEGIN and not scope.autocommit:
            scope.rollback()


_STATUS_BEGIN = 2
