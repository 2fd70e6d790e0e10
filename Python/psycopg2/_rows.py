"""Cursors and connections whose rows know their columns' names."""

import re
from collections import OrderedDict, namedtuple
from functools import lru_cache

from psycopg2.extensions import connection as _connection
from psycopg2.extensions import cursor as _cursor


def _rest(cursor):
    """The rows that are left. A loop over the cursor itself would ask its class for an iterator again."""
    while True:
        try:
            row = next(cursor)
        except StopIteration:
            return
        yield row


class DictCursorBase(_cursor):
    """Base of the cursors that map columns' names to something when the first row is asked for."""

    def __init__(self, *args, **kwargs):
        if "row_factory" not in kwargs:
            raise NotImplementedError("DictCursorBase can't be instantiated without a row factory.")
        row_factory = kwargs.pop("row_factory")
        super().__init__(*args, **kwargs)
        self._query_executed = False
        # Named cursors learn their columns from the first rows; the others from the execution.
        self._prefetch = False
        self.row_factory = row_factory

    def fetchone(self):
        if self._prefetch:
            row = super().fetchone()
        if self._query_executed:
            self._build_index()
        if not self._prefetch:
            row = super().fetchone()
        return row

    def fetchmany(self, size=None):
        if self._prefetch:
            rows = super().fetchmany(size)
        if self._query_executed:
            self._build_index()
        if not self._prefetch:
            rows = super().fetchmany(size)
        return rows

    def fetchall(self):
        if self._prefetch:
            rows = super().fetchall()
        if self._query_executed:
            self._build_index()
        if not self._prefetch:
            rows = super().fetchall()
        return rows

    def __iter__(self):
        rows = super().__iter__()
        try:
            if self._prefetch:
                first = next(rows)
            if self._query_executed:
                self._build_index()
            if not self._prefetch:
                first = next(rows)
        except StopIteration:
            return
        yield first
        yield from _rest(rows)


class DictConnection(_connection):
    """Makes DictCursors unless asked for others."""

    def cursor(self, *args, **kwargs):
        kwargs.setdefault("cursor_factory", self.cursor_factory or DictCursor)
        return super().cursor(*args, **kwargs)


class DictCursor(DictCursorBase):
    """Its rows are lists that are also read by columns' names."""

    def __init__(self, *args, **kwargs):
        kwargs["row_factory"] = DictRow
        super().__init__(*args, **kwargs)
        self._prefetch = True
        self.index = OrderedDict()

    def execute(self, query, vars=None):
        self.index = OrderedDict()
        self._query_executed = True
        return super().execute(query, vars)

    def callproc(self, procname, vars=None):
        self.index = OrderedDict()
        self._query_executed = True
        return super().callproc(procname, vars)

    def _build_index(self):
        if self._query_executed and self.description:
            for position, column in enumerate(self.description):
                self.index[column[0]] = position
            self._query_executed = False


class DictRow(list):
    """A row of a DictCursor: a list that is also read by columns' names."""

    __slots__ = ("_index",)

    def __init__(self, cursor):
        self._index = cursor.index
        super().__init__([None] * len(cursor.description))

    def __getitem__(self, x):
        return super().__getitem__(x if isinstance(x, (int, slice)) else self._index[x])

    def __setitem__(self, x, v):
        super().__setitem__(x if isinstance(x, (int, slice)) else self._index[x], v)

    def items(self):
        get = super().__getitem__
        return ((name, get(self._index[name])) for name in self._index)

    def keys(self):
        return iter(self._index)

    def values(self):
        get = super().__getitem__
        return (get(self._index[name]) for name in self._index)

    def get(self, x, default=None):
        try:
            return self[x]
        except Exception:
            return default

    def copy(self):
        return OrderedDict(self.items())

    def __contains__(self, x):
        return x in self._index

    def __reduce__(self):
        # The way of protocol 2 would make the row by its constructor, which asks for a cursor.
        return super().__reduce__()

    def __getstate__(self):
        return self[:], self._index.copy()

    def __setstate__(self, data):
        self[:] = data[0]
        self._index = data[1]


class RealDictConnection(_connection):
    """Makes RealDictCursors unless asked for others."""

    def cursor(self, *args, **kwargs):
        kwargs.setdefault("cursor_factory", self.cursor_factory or RealDictCursor)
        return super().cursor(*args, **kwargs)


class RealDictCursor(DictCursorBase):
    """Its rows are dicts."""

    def __init__(self, *args, **kwargs):
        kwargs["row_factory"] = RealDictRow
        super().__init__(*args, **kwargs)

    def execute(self, query, vars=None):
        self.column_mapping = []
        self._query_executed = True
        return super().execute(query, vars)

    def callproc(self, procname, vars=None):
        self.column_mapping = []
        self._query_executed = True
        return super().callproc(procname, vars)

    def _build_index(self):
        if self._query_executed and self.description:
            self.column_mapping = [column[0] for column in self.description]
            self._query_executed = False


class RealDictRow(OrderedDict):
    """A row of a RealDictCursor: a dict by columns' names."""

    def __init__(self, *args, **kwargs):
        # While a cursor fills the row it sets values by their positions; the names are kept until the last of them.
        self._names = None
        if args and isinstance(args[0], _cursor):
            cursor, *args = args
            super().__init__(*args, **kwargs)
            if cursor.description:
                self._names = [column[0] for column in cursor.description]
        else:
            super().__init__(*args, **kwargs)

    def __setitem__(self, key, value):
        names = getattr(self, "_names", None)
        if names is None:
            super().__setitem__(key, value)
            return
        super().__setitem__(names[key], value)
        if key == len(names) - 1:
            self._names = None

    def __reduce__(self):
        return type(self), (list(self.items()),)


class NamedTupleConnection(_connection):
    """Makes NamedTupleCursors unless asked for others."""

    def cursor(self, *args, **kwargs):
        kwargs.setdefault("cursor_factory", self.cursor_factory or NamedTupleCursor)
        return super().cursor(*args, **kwargs)


class NamedTupleCursor(_cursor):
    """Its rows are named tuples. Characters that a Python name cannot have become underscores."""

    Record = None
    MAX_CACHE = 1024

    def execute(self, query, vars=None):
        self.Record = None
        return super().execute(query, vars)

    def executemany(self, query, vars):
        self.Record = None
        return super().executemany(query, vars)

    def callproc(self, procname, vars=None):
        self.Record = None
        return super().callproc(procname, vars)

    def fetchone(self):
        row = super().fetchone()
        return None if row is None else self._record()._make(row)

    def fetchmany(self, size=None):
        rows = super().fetchmany(size)
        return list(map(self._record()._make, rows))

    def fetchall(self):
        rows = super().fetchall()
        return list(map(self._record()._make, rows))

    def __iter__(self):
        for row in _rest(super().__iter__()):
            yield self._record()._make(row)

    def _record(self):
        if self.Record is None:
            self.Record = self._make_nt()
        return self.Record

    def _make_nt(self):
        return self._cached_make_nt(tuple(column[0] for column in self.description or ()))

    @classmethod
    def _do_make_nt(cls, names):
        fields = []
        for name in names:
            field = _not_in_names.sub("_", name)
            if field[:1] == "_" or field[:1].isdigit():
                field = "f" + field
            fields.append(field)
        return namedtuple("Record", fields)


_not_in_names = re.compile("[" + re.escape(" !\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~") + "]")


@lru_cache(512)
def _cached_make_nt(cls, names):
    return cls._do_make_nt(names)


# A class method that a subclass may replace.
NamedTupleCursor._cached_make_nt = classmethod(_cached_make_nt)
