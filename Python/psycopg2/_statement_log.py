"""Connections that log the statements they execute."""

import logging
import os
import time

from psycopg2._default_cursor import ConnectionOfCursors
from psycopg2.extensions import cursor as _cursor
from psycopg2.extensions import encodings as _encodings


class LoggingCursor(_cursor):
    """A cursor of a LoggingConnection. Statements that fail are logged too."""

    def execute(self, query, vars=None):
        """Execute a statement and log it. Arguments and errors are those of `cursor.execute()`."""
        return self._logged(super().execute, query, vars)

    def callproc(self, procname, vars=None):
        """Call a function and log the statement. Arguments and errors are those of `cursor.callproc()`."""
        return self._logged(super().callproc, procname, vars)

    def _logged(self, run, *arguments):
        # Statements that fail are logged too.
        try:
            return run(*arguments)
        finally:
            self.connection.log(self.query, self)


class MinTimeLoggingCursor(LoggingCursor):
    """A cursor of a MinTimeLoggingConnection.

    `timestamp` is the time at which the last statement started, in seconds since the epoch.
    """

    def _logged(self, run, *arguments):
        self.timestamp = time.time()
        return super()._logged(run, *arguments)


class LoggingConnection(ConnectionOfCursors):
    """A connection that logs every statement of its cursors. Call `initialize()` before creating a cursor.

        connection = psycopg2.connect(dsn, connection_factory=LoggingConnection)
        connection.initialize(logging.getLogger("sql"))
    """

    default_cursor = LoggingCursor
    _logobj = None

    def initialize(self, logobj):
        """Log to `logobj`: a `logging.Logger`, with level DEBUG, or an object with `write(str)`."""
        self._logobj = logobj

    def filter(self, msg, curs):
        """Return what to log for the statement `msg`, str or bytes; None or empty skips it. Override it to choose."""
        return msg

    def log(self, msg, curs):
        """Log the statement `msg`, str or bytes, that the cursor `curs` executed; called by the cursor."""
        # There is no statement if its arguments could not be adapted.
        entry = None if msg is None else self.filter(msg, curs)
        if not entry:
            return
        entry = self._as_text(entry)
        if isinstance(self._logobj, logging.Logger):
            self._logobj.debug(entry)
        else:
            self._logobj.write(entry + os.linesep)

    def cursor(self, *args, **kwargs):
        """Return a new cursor that logs. Raises ProgrammingError before `initialize()` was called."""
        if self._logobj is None:
            raise self.ProgrammingError("the LoggingConnection does not know where to log: call initialize() first")
        return super().cursor(*args, **kwargs)

    def _as_text(self, statement):
        if isinstance(statement, bytes):
            return statement.decode(_encodings.get(self.encoding, "utf-8"), "replace")
        return statement


class MinTimeLoggingConnection(LoggingConnection):
    """A connection that logs statements that take longer than `mintime` milliseconds, with their duration."""

    default_cursor = MinTimeLoggingCursor

    def initialize(self, logobj, mintime=0):
        """Set where to log, as in LoggingConnection, and the minimum duration in milliseconds."""
        super().initialize(logobj)
        self._mintime = mintime

    def filter(self, msg, curs):
        """Return the statement with its duration, or None if it took at most `mintime` milliseconds."""
        milliseconds = (time.time() - curs.timestamp) * 1000
        if milliseconds <= self._mintime:
            return None
        return f"{self._as_text(msg)}{os.linesep}  (execution time: {milliseconds} ms)"
