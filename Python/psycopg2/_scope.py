"""What registering functions take as their scope: a connection or a cursor."""

from contextlib import contextmanager, suppress

from psycopg2._psycopg import ProgrammingError, cursor


def connection_and_cursor(scope):
    """Return the connection of a connection or cursor, and a plain cursor of it.

    What wraps one, as SQLAlchemy's pooled connections and Django's cursors do, serves as well.
    """
    if scope is None:
        raise ProgrammingError("no connection or cursor provided")
    connection = scope.connection if hasattr(scope, "execute") else scope
    return connection, connection.cursor(cursor_factory=cursor)


@contextmanager
def undisturbed(scope):
    """Leave the connection without a transaction if it had none."""
    had_one = scope.status == _STATUS_BEGIN or scope.autocommit
    try:
        yield
    except BaseException:
        if not had_one:
            # A rollback that fails, too, must not hide why there is one.
            with suppress(Exception):
                scope.rollback()
        raise
    if not had_one:
        scope.rollback()


_STATUS_BEGIN = 2
