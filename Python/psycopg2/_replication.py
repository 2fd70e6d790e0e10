"""Replication connections, and the commands of the streaming replication protocol."""

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
    """Base class of replication connections; a subclass or the argument `replication_type` sets the kind.

    `replication_type` is REPLICATION_PHYSICAL or REPLICATION_LOGICAL. The connection is in autocommit, and its cursors
    are ReplicationCursors. Raises TypeError for another `replication_type`.
    """

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
        # In replication mode the server does not accept BEGIN, or does not need it.
        if not self.async_:
            self.autocommit = True
        if self.cursor_factory is None:
            self.cursor_factory = ReplicationCursor


# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-REPLICATION
_MODES = {REPLICATION_LOGICAL: "database", REPLICATION_PHYSICAL: "true"}


class LogicalReplicationConnection(ReplicationConnection):
    """A connection for logical replication: pass it as `connection_factory`.

        connection = psycopg2.connect(dsn, connection_factory=LogicalReplicationConnection)
    """

    replication_type = REPLICATION_LOGICAL


class PhysicalReplicationConnection(ReplicationConnection):
    """A connection for physical replication: pass it as `connection_factory` of `connect()`."""

    replication_type = REPLICATION_PHYSICAL


class StopReplication(Exception):
    """Raise this exception in the callable of `consume_stream()` to make `consume_stream()` end."""


class ReplicationCursor(_psycopg.ReplicationCursor):
    """A cursor of a replication connection.

    See <https://www.postgresql.org/docs/current/protocol-replication.html>.
    """

    def create_replication_slot(self, slot_name, slot_type=None, output_plugin=None):
        """Create the replication slot `slot_name`.

        - slot_type: REPLICATION_PHYSICAL or REPLICATION_LOGICAL; by default the kind of the connection.
        - output_plugin: the name of the output plugin; required for a logical slot, not allowed for a physical one.

        Raises ProgrammingError for an invalid combination, and the server's error if the slot exists already.

            cursor.create_replication_slot("events", output_plugin="test_decoding")
        """
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
        """Drop the replication slot `slot_name`. Raises the server's error if it does not exist or is in use."""
        self.execute(f"DROP_REPLICATION_SLOT {quote_ident(slot_name, self)}")

    def start_replication(self, slot_name=None, slot_type=None, start_lsn=0, timeline=0, options=None, decode=False,
                          status_interval=10):
        """Start streaming from a replication slot. Read the messages with `consume_stream()` or `read_message()`.

        - slot_name: required for logical replication.
        - slot_type: REPLICATION_PHYSICAL or REPLICATION_LOGICAL; by default the kind of the connection.
        - start_lsn: where to start in the write-ahead log, an int or text such as '16/B374D848'; 0 is the slot's
          position.
        - timeline: only for physical replication; 0 is the server's current timeline.
        - options: a dict of options for the output plugin, only for logical replication.
        - decode: True decodes message payloads to str with the connection's encoding; otherwise they are bytes.
        - status_interval: seconds between feedback messages to the server, at least 1.

        Raises ProgrammingError for an invalid combination.
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
        """Return the file descriptor of the connection, so that the cursor can be passed to `select`."""
        return self.connection.fileno()


_KINDS = {REPLICATION_LOGICAL: "LOGICAL", REPLICATION_PHYSICAL: "PHYSICAL"}


def _lsn(lsn):
    """Return an LSN in the form of the replication commands. Raises ProgrammingError for invalid text."""
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
    # In replication commands, the only escape is a doubled quote.
    return "'" + text.replace("'", "''") + "'"
