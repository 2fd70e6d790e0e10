"""Transaction identifiers for two-phase commit."""

import re
from base64 import b64decode, b64encode

# "42_Z3RyaWQ=_YnF1YWw=", a format that other programs use too.
_triple = re.compile(r"(\d+)_([^_]*)_([^_]*)")


class Xid:
    """An XA transaction identifier: a sequence of `format_id`, `gtrid` and `bqual`.

    - format_id: an int from 0 to 2147483647.
    - gtrid, bqual: up to 64 printable ASCII characters each.

    Raises TypeError or ValueError for other values. An identifier written by another program may be any text; then
    `gtrid` is the whole text, and `format_id` and `bqual` are None. Identifiers from `connection.tpc_recover()` also
    have `prepared`, `owner` and `database`.
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

    format_id = property(lambda self: self._fields[0], doc="Format number, an int; None if not in XA format.")
    gtrid = property(lambda self: self._fields[1], doc="Global transaction identifier, or the whole text.")
    bqual = property(lambda self: self._fields[2], doc="Branch qualifier; None if not in XA format.")
    prepared = property(lambda self: self._fields[3], doc="Time of prepare, a datetime, if from tpc_recover().")
    owner = property(lambda self: self._fields[4], doc="User who prepared it, if from tpc_recover().")
    database = property(lambda self: self._fields[5], doc="Name of its database, if from tpc_recover().")

    @classmethod
    def from_string(cls, s):
        """Return the Xid for `s`, an identifier in the form of the server. Raises TypeError if `s` is not a str."""
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
    """Return the Xids of all transactions that are prepared on the server, as a list."""
    from psycopg2._psycopg import cursor
    from psycopg2._scope import undisturbed

    with undisturbed(connection):
        # Not connection.cursor(), which a subclass may override.
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
