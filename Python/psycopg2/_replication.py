"""Connections that stream the server's write-ahead log, and the commands that such a stream begins with."""

from psycopg2 import _psycopg
from psycopg2._psycopg import (  # noqa: F401
    REPLICATION_LOGICAL,
    REPLICATION_PHYSICAL,
    ProgrammingError,
    ReplicationMessage,
)
from psycopg2.extensions import connection as _connection
from psycopg2.extensions import make_dsn, quote_ident


class ReplicationConnection(_connection):
    """Base of the connections for replication: a subclass says of which kind."""

    replication_type = None

    def __init__(self, dsn, *args, replication_type=None, **kwargs):
        if replication_type is None:
            replication_type = self.replication_type
        try:
            mode = _MODES[replication_type]
        except KeyError:
            raise TypeError("replication_type must be either REPLICATION_PHYSICAL or REPLICATION_LOGICAL") from None
        super().__init__(make_dsn(dsn, replication=mode), *args, **kwargs)
        self.replication_type = replication_type
        # A server in this mode does not know BEGIN, or has no use for it.
        if not self.async_:
            self.autocommit = True
        if self.cursor_factory is None:
            self.cursor_factory = ReplicationCursor


# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-REPLICATION
_MODES = {REPLICATION_LOGICAL: "database", REPLICATION_PHYSICAL: "true"}


class LogicalReplicationConnection(ReplicationConnection):
    """A connection factory for logical replication."""

    replication_type = REPLICATION_LOGICAL


class PhysicalReplicationConnection(ReplicationConnection):
    """A connection factory for physical replication."""

    replication_type = REPLICATION_PHYSICAL


class StopReplication(Exception):
    """To be raised by the callable of `consume_stream()`, to leave it."""


class ReplicationCursor(_psycopg.ReplicationCursor):
    """A cursor of a replication connection. See "Streaming Replication Protocol" in PostgreSQL's manual."""

    def create_replication_slot(self, slot_name, slot_type=None, output_plugin=None):
        """Make a slot, of the connection's kind unless said otherwise; a logical one needs an output plugin."""
        slot_type = self._slot_type(slot_type)
        command = f"CREATE_REPLICATION_SLOT {quote_ident(slot_name, self)} {_KINDS[slot_type]}"
        if slot_type == REPLICATION_LOGICAL:
            if output_plugin is None:
                raise ProgrammingError("output plugin name is required to create logical replication slot")
            command += f" {quote_ident(output_plugin, self)}"
        elif output_plugin is not None:
            raise ProgrammingError("output plugin name is not allowed when creating physical replication slot")
        self.execute(command)

    def drop_replication_slot(self, slot_name):
        """Drop a slot."""
        self.execute(f"DROP_REPLICATION_SLOT {quote_ident(slot_name, self)}")

    def start_replication(self, slot_name=None, slot_type=None, start_lsn=0, timeline=0, options=None, decode=False,
                          status_interval=10):
        """Begin to stream from a slot, at an LSN: a number, or text like '16/B374D848'.

        `options` is a dict for the output plugin. With `decode` messages are text. The server gets feedback every
        `status_interval` seconds, 1 at least.
        """
        slot_type = self._slot_type(slot_type)
        command = "START_REPLICATION "
        if slot_type == REPLICATION_LOGICAL:
            if not slot_name:
                raise ProgrammingError("slot name is required for logical replication")
            command += f"SLOT {quote_ident(slot_name, self)} LOGICAL "
        elif slot_name:
            command += f"SLOT {quote_ident(slot_name, self)} PHYSICAL "
        command += _lsn(start_lsn)
        if timeline:
            if slot_type == REPLICATION_LOGICAL:
                raise ProgrammingError("cannot specify timeline for logical replication")
            command += f" TIMELINE {int(timeline)}"
        if options:
            if slot_type == REPLICATION_PHYSICAL:
                raise ProgrammingError("cannot specify output plugin options for physical replication")
            command += " (" + ", ".join(map(self._option, options.items())) + ")"
        self.start_replication_expert(command, decode=decode, status_interval=status_interval)

    def _slot_type(self, slot_type):
        if slot_type is None:
            slot_type = self.connection.replication_type
        if slot_type not in _KINDS:
            raise ProgrammingError(f"unrecognized replication type: {slot_type!r}")
        return slot_type

    def _option(self, item):
        name, value = item
        return quote_ident(name, self) if value is None else f"{quote_ident(name, self)} {_literal(str(value))}"

    def fileno(self):
        """The connection's descriptor, so that the cursor can be given to `select`."""
        return self.connection.fileno()


_KINDS = {REPLICATION_LOGICAL: "LOGICAL", REPLICATION_PHYSICAL: "PHYSICAL"}


def _lsn(lsn):
    """An LSN as the replication commands have it. Raises ProgrammingError for what is none."""
    if isinstance(lsn, str):
        high, slash, low = lsn.partition("/")
        try:
            lsn = (int(high, 16) << 32) + int(low, 16)
        except ValueError:
            slash = ""
        if not slash:
            raise ProgrammingError(f"invalid LSN: {lsn!r}")
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def _literal(text):
    # The grammar of replication commands knows no escapes but the doubled quote.
    return "'" + text.replace("'", "''") + "'"
