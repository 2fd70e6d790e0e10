"""Connections that make cursors of a class of their own."""

from psycopg2.extensions import connection, cursor


class ConnectionOfCursors(connection):
    """A connection with a class of cursors for those who ask for none."""

    default_cursor = cursor

    def cursor(self, *args, **kwargs):
        # The class may also be given by its place, the second.
        if len(args) < 2:
            kwargs.setdefault("cursor_factory", self.cursor_factory or self.default_cursor)
        return super().cursor(*args, **kwargs)
