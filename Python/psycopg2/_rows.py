"""Cursors whose rows can be read by column name, and connections that create such cursors."""

import re
from collections import OrderedDict, namedtuple
from functools import lru_cache

from psycopg2._default_cursor import ConnectionOfCursors
from psycopg2.extensions import cursor as _cursor


class _Derived(property):
    """A read-only property that is derived from the column names. Assignments are ignored.

    Subclasses written for psycopg2 reset the attribute before they execute a statement; here nothing needs a reset.
    """

    def __set__(self, cursor, value):
        pass


class _ByNameCursor(_cursor):
    """Derives a value from the column names, once per result, when a row or the program needs it."""

    # The description from which `_derived` was made. Keeping a reference prevents its id from being reused.
    _derived_of = None
    _derived = None

    def _of_names(self, derive):
        description = self.description
        if self._derived is None or self._derived_of is not description:
            self._derived = derive([column[0] for column in description or ()])
            self._derived_of = description
        return self._derived


class DictCursorBase(_ByNameCursor):
    """Base class of cursors whose rows are mappings.

    `row_factory(cursor)` creates an empty row; the cursor then sets its items 0, 1, ... to the values of the columns.
    Raises NotImplementedError without a `row_factory`.
    """

    def __init__(self, *args, row_factory=None, **kwargs):
        if row_factory is None:
            raise NotImplementedError("DictCursorBase needs a row_factory: use one of its subclasses")
        super().__init__(*args, **kwargs)
        self.row_factory = row_factory


# Rows that are lists.


class DictCursor(DictCursorBase):
    """A cursor whose rows are lists that can also be read by column name.

        cursor = connection.cursor(cursor_factory=DictCursor)
        cursor.execute("SELECT 1 AS a")
        row = cursor.fetchone()  # row[0] == row["a"] == 1
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "row_factory": DictRow})

    @_Derived
    def index(self):
        """The position of each column, by name, as a dict. If names repeat, the position of the last column."""
        return self._of_names(_numbered)


def _numbered(names):
    return OrderedDict((name, number) for number, name in enumerate(names))


class DictRow(list):
    """A row of a DictCursor: a list that can also be read by column name. `in` tests for a column name."""

    __slots__ = ("_index",)

    def __init__(self, cursor):
        self._index = cursor.index
        super().__init__([None] * len(cursor.description))

    def __getitem__(self, key):
        if not isinstance(key, (int, slice)):
            key = self._index[key]
        return list.__getitem__(self, key)

    def __setitem__(self, key, value):
        if not isinstance(key, (int, slice)):
            key = self._index[key]
        list.__setitem__(self, key, value)

    def __contains__(self, name):
        return name in self._index

    def keys(self):
        """Return an iterator of the column names."""
        return iter(self._index)

    def values(self):
        """Return an iterator of the values, in the order of `keys()`."""
        return map(super().__getitem__, self._index.values())

    def items(self):
        """Return an iterator of (column name, value)."""
        return zip(self._index, self.values())

    def get(self, key, default=None):
        """Return the value of a column, by name or position, or `default` if there is no such column."""
        try:
            return self[key]
        except (LookupError, TypeError):
            return default

    def copy(self):
        """Return the row as an OrderedDict by column name."""
        return OrderedDict(self.items())

    def _row_maker(cursor):
        """Return a function from a tuple of values to a row, for the engine, which is faster than setting items."""
        index = cursor.index

        def row(cells):
            made = DictRow.__new__(DictRow)
            made.extend(cells)
            made._index = index
            return made

        return row

    # The same pickle format as psycopg2, so that either driver can read rows that the other one cached.
    def __reduce__(self):
        return super().__reduce__()

    def __getstate__(self):
        return list(self), self._index.copy()

    def __setstate__(self, state):
        values, self._index = state
        self[:] = values


# Rows that are dicts.


class RealDictCursor(DictCursorBase):
    """A cursor whose rows are dicts, from column name to value.

    If several columns have the same name, the row contains only the last of them.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "row_factory": RealDictRow})

    @_Derived
    def column_mapping(self):
        """The column names, as a list."""
        return self._of_names(list)


class RealDictRow(OrderedDict):
    """A row of a RealDictCursor: an OrderedDict from column name to value."""

    # The column names while a cursor fills the row, because it sets items by column number; None afterwards.
    _unfilled = None

    def __init__(self, *args, **kwargs):
        if args and isinstance(args[0], _cursor):
            names = [column[0] for column in args[0].description or ()]
            args = args[1:]
            super().__init__(*args, **kwargs)
            self._unfilled = names or None
        else:
            super().__init__(*args, **kwargs)

    def __setitem__(self, key, value):
        names = self._unfilled
        if names is None:
            super().__setitem__(key, value)
            return
        super().__setitem__(names[key], value)
        if key + 1 == len(names):
            del self._unfilled

    def _row_maker(cursor):
        """See DictRow._row_maker."""
        names = [column[0] for column in cursor.description or ()]
        new, put = OrderedDict.__new__, OrderedDict.__setitem__

        def row(cells):
            made = new(RealDictRow)
            for name, cell in zip(names, cells):
                put(made, name, cell)
            return made

        return row

    def __reduce__(self):
        return type(self), (list(self.items()),)


# Rows that are named tuples.


class NamedTupleCursor(_ByNameCursor):
    """A cursor whose rows are named tuples.

    Characters that a Python identifier cannot contain are replaced by underscores; names that begin with an underscore
    or a digit get the prefix `f`. Fetching raises ValueError if the names still do not form a named tuple, for example
    because they repeat.
    """

    MAX_CACHE = 1024

    @_Derived
    def Record(self):
        """The named tuple class of the current result; None if there is no result."""
        return None if self.description is None else self._of_names(lambda names: self._make_nt())

    def fetchone(self):
        """Return the next row as a named tuple, or None after the last row."""
        row = super().fetchone()
        return None if row is None else self.Record._make(row)

    def fetchmany(self, size=None):
        """Return the next `size` rows, by default `arraysize`, as a list of named tuples."""
        rows = super().fetchmany(size)
        # Invalid names raise an error even if there are no rows.
        return list(map(self.Record._make, rows))

    def fetchall(self):
        """Return all remaining rows as a list of named tuples."""
        rows = super().fetchall()
        return list(map(self.Record._make, rows))

    def __next__(self):
        row = super().__next__()
        return self.Record._make(row)

    def _make_nt(self):
        return self._cached_make_nt(tuple(column[0] for column in self.description or ()))

    @classmethod
    def _do_make_nt(cls, names):
        return namedtuple("Record", map(_field_name, names), module="psycopg2.extras")


# ASCII characters that an identifier cannot contain. namedtuple itself checks the others.
_not_in_names = re.compile(r"[\x20-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7e]")


def _field_name(column):
    """Return a column name that namedtuple accepts: it reserves a leading `_`, and names cannot begin with a digit."""
    name = _not_in_names.sub("_", column)
    return f"f{name}" if name[:1] == "_" or name[:1].isdigit() else name


@lru_cache(NamedTupleCursor.MAX_CACHE)
def _cached_make_nt(cls, names):
    return cls._do_make_nt(names)


# A class method, so that a subclass can replace it with one that has a cache of another size.
NamedTupleCursor._cached_make_nt = classmethod(_cached_make_nt)


# Connections.


class DictConnection(ConnectionOfCursors):
    """A connection whose cursors are DictCursors unless another class is requested."""

    default_cursor = DictCursor


class RealDictConnection(ConnectionOfCursors):
    """A connection whose cursors are RealDictCursors unless another class is requested."""

    default_cursor = RealDictCursor


class NamedTupleConnection(ConnectionOfCursors):
    """A connection whose cursors are NamedTupleCursors unless another class is requested."""

    default_cursor = NamedTupleCursor
