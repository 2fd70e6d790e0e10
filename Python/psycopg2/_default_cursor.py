"""Base class of connections that have their own default cursor class."""

from psycopg2.extensions import connection, cursor


class ConnectionOfCursors(connection):
    """A connection that creates cursors of the class `default_cursor` unless another class is requested."""

    default_cursor = cursor

    def cursor(self, *args, **kwargs):
        """Return a new cursor. The arguments are those of `connection.cursor()`."""
        # The second positional argument is the cursor class.
        if len(args) < 2:
            kwargs.setdefault("cursor_factory", self.cursor_factory or self.default_cursor)
        return super().cursor(*args, **kwargs)
