"""Identifiers of two-phase transactions."""

import re
from base64 import b64decode, b64encode

# "42_Z3RyaWQ=_YnF1YWw=": a format that other programs write too.
_triple = re.compile(r"(\d+)_([^_]*)_([^_]*)")


class Xid:
    """An identifier of a transaction, as XA has them: (format_id, gtrid, bqual).

    One that another program made may be any text: then it is `gtrid`, and the other two are None. Those that
    `connection.tpc_recover()` returns also say when they were prepared, by whom, and in which database.
    """

    def __init__(self, format_id, gtrid, bqual):
        if not isinstance(format_id, int):
            raise TypeError("format_id must be an integer")
        if not 0 <= format_id <= 0x7FFFFFFF:
            raise ValueError("format_id must be a non-negative 32-bit integer")
        for name, text in (("gtrid", gtrid), ("bqual", bqual)):
            if not isinstance(text, str):
                raise TypeError(f"{name} must be a string")
            if len(text) > 64:
                raise ValueError(f"{name} must be a string no longer than 64 characters")
            if not all(" " <= character <= "~" for character in text):
                raise ValueError(f"{name} must contain only printable characters.")
        self._fields = (format_id, gtrid, bqual, None, None, None)

    __slots__ = ("_fields", "__weakref__")

    format_id = property(lambda self: self._fields[0], doc="The number, or None in one that is no triple.")
    gtrid = property(lambda self: self._fields[1], doc="The global transaction's name, or the whole text.")
    bqual = property(lambda self: self._fields[2], doc="The branch's name, or None in one that is no triple.")
    prepared = property(lambda self: self._fields[3], doc="When it was prepared, if tpc_recover() found it.")
    owner = property(lambda self: self._fields[4], doc="Who prepared it, if tpc_recover() found it.")
    database = property(lambda self: self._fields[5], doc="Where it was prepared, if tpc_recover() found it.")

    @classmethod
    def from_string(cls, s):
        """Return the Xid of an identifier as the server has it."""
        if not isinstance(s, str):
            raise TypeError("not a valid transaction id")
        match = _triple.fullmatch(s)
        try:
            return cls(int(match[1]), *(b64decode(match[index], validate=True).decode() for index in (2, 3)))
        except (TypeError, ValueError):
            me = cls.__new__(cls)
            me._fields = (None, s, None, None, None, None)
            return me

    def __str__(self):
        if self.format_id is None:
            return self.gtrid
        gtrid, bqual = (b64encode(text.encode()).decode() for text in (self.gtrid, self.bqual))
        return f"{self.format_id}_{gtrid}_{bqual}"

    def __repr__(self):
        if self.format_id is None:
            return f"<Xid: {self.gtrid!r} (unparsed)>"
        return f"<Xid: ({self.format_id!r}, {self.gtrid!r}, {self.bqual!r})>"

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return (self.format_id, self.gtrid, self.bqual)[index]


def recover(connection):
    """Return the Xids of the transactions that are prepared on the server, whoever prepared them."""
    from psycopg2._psycopg import cursor
    from psycopg2._scope import undisturbed

    with undisturbed(connection):
        # Not by its method, which a subclass may have changed.
        asking = cursor(connection)
        try:
            asking.execute("SELECT gid, prepared, owner, database FROM pg_catalog.pg_prepared_xacts")
            found = asking.fetchall()
        finally:
            asking.close()
    result = []
    for gid, *rest in found:
        xid = Xid.from_string(gid)
        xid._fields = (*xid, *rest)
        result.append(xid)
    return result
