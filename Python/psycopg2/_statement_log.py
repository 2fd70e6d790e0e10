"""Connections that write down the statements that they execute."""

import logging
import os
import time

from psycopg2._default_cursor import ConnectionOfCursors
from psycopg2.extensions import cursor as _cursor
from psycopg2.extensions import encodings as _encodings


class LoggingCursor(_cursor):
    """A cursor of a LoggingConnection."""

    def execute(self, query, vars=None):
        return self._logged(super().execute, query, vars)

    def callproc(self, procname, vars=None):
        return self._logged(super().callproc, procname, vars)

    def _logged(self, run, *arguments):
        # What failed is logged too.
        try:
            return run(*arguments)
        finally:
            self.connection.log(self.query, self)


class MinTimeLoggingCursor(LoggingCursor):
    """A cursor of a MinTimeLoggingConnection. `timestamp`: when the last statement began, in seconds of the epoch."""

    def _logged(self, run, *arguments):
        self.timestamp = time.time()
        return super()._logged(run, *arguments)


class LoggingConnection(ConnectionOfCursors):
    """Logs every statement, of whichever cursor made by it. Call `initialize` before the first."""

    default_cursor = LoggingCursor
    _logobj = None

    def initialize(self, logobj):
        """Log to a `logging.Logger`, at its level DEBUG, or to an object with a `write` method, a statement a line."""
        self._logobj = logobj

    def filter(self, msg, curs):
        """Return what to log of the statement `msg`, str or bytes; None or nothing leaves it out. To be overridden."""
        return msg

    def log(self, msg, curs):
        """Log the statement `msg` that `curs` has executed."""
        # A statement whose arguments could not be adapted was never made.
        entry = None if msg is None else self.filter(msg, curs)
        if not entry:
            return
        entry = self._as_text(entry)
        if isinstance(self._logobj, logging.Logger):
            self._logobj.debug(entry)
        else:
            self._logobj.write(entry + os.linesep)

    def cursor(self, *args, **kwargs):
        if self._logobj is None:
            raise self.ProgrammingError("the LoggingConnection has nowhere to log to: call initialize() first")
        return super().cursor(*args, **kwargs)

    def _as_text(self, statement):
        if isinstance(statement, bytes):
            return statement.decode(_encodings.get(self.encoding, "utf-8"), "replace")
        return statement


class MinTimeLoggingConnection(LoggingConnection):
    """Logs the statements that take longer than `mintime` milliseconds, and how long they took."""

    default_cursor = MinTimeLoggingCursor

    def initialize(self, logobj, mintime=0):
        super().initialize(logobj)
        self._mintime = mintime

    def filter(self, msg, curs):
        milliseconds = (time.time() - curs.timestamp) * 1000
        if milliseconds <= self._mintime:
            return None
        return f"{self._as_text(msg)}{os.linesep}  (execution time: {milliseconds} ms)"
