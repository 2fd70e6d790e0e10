"""Cursors and connections whose rows know their columns' names."""

import re
from collections import OrderedDict, namedtuple
from functools import lru_cache

from psycopg2._default_cursor import ConnectionOfCursors
from psycopg2.extensions import cursor as _cursor


class _Derived(property):
    """A property derived from the columns' names. Subclasses written for psycopg2 reset it before they execute: there
    is nothing to reset, so that what they assign is let pass.
    """

    def __set__(self, cursor, value):
        pass


class _ByNameCursor(_cursor):
    """Derives something from the columns' names, once for every result, when a row or the program asks for it."""

    # The description that `_derived` was made of. It is held, so that no other can have its identity.
    _derived_of = None
    _derived = None

    def _of_names(self, derive):
        description = self.description
        if self._derived is None or self._derived_of is not description:
            self._derived = derive([column[0] for column in description or ()])
            self._derived_of = description
        return self._derived


class DictCursorBase(_ByNameCursor):
    """Base of the cursors whose rows are mappings.

    `row_factory` is called with the cursor for every row; the values are then set as items 0, 1, ...
    """

    def __init__(self, *args, row_factory=None, **kwargs):
        if row_factory is None:
            raise NotImplementedError("DictCursorBase needs a row_factory: use one of its subclasses")
        super().__init__(*args, **kwargs)
        self.row_factory = row_factory


# Lists that are read by name as well.


class DictCursor(DictCursorBase):
    """Its rows are lists that are also read by columns' names."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "row_factory": DictRow})

    @_Derived
    def index(self):
        """The columns' numbers by their names; of columns of the same name, the last one's."""
        return self._of_names(_numbered)


def _numbered(names):
    return OrderedDict((name, number) for number, name in enumerate(names))


class DictRow(list):
    """A row of a DictCursor: a list that is also read by columns' names."""

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
        return iter(self._index)

    def values(self):
        return map(super().__getitem__, self._index.values())

    def items(self):
        return zip(self._index, self.values())

    def get(self, key, default=None):
        try:
            return self[key]
        except (LookupError, TypeError):
            return default

    def copy(self):
        return OrderedDict(self.items())

    def _row_maker(cursor):
        """What the engine makes rows by, in place of setting one item after the other: it is called with a tuple."""
        index = cursor.index

        def row(cells):
            made = DictRow.__new__(DictRow)
            made.extend(cells)
            made._index = index
            return made

        return row

    # Pickled as psycopg2 does it: what one of the two put into a cache, the other can read.
    def __reduce__(self):
        return super().__reduce__()

    def __getstate__(self):
        return list(self), self._index.copy()

    def __setstate__(self, state):
        values, self._index = state
        self[:] = values


# Dicts.


class RealDictCursor(DictCursorBase):
    """Its rows are dicts."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "row_factory": RealDictRow})

    @_Derived
    def column_mapping(self):
        """The columns' names."""
        return self._of_names(list)


class RealDictRow(OrderedDict):
    """A row of a RealDictCursor: a dict by columns' names."""

    # While a cursor fills the row it sets values by the columns' numbers: the names that they stand for.
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
        """See DictRow."""
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


# Named tuples.


class NamedTupleCursor(_ByNameCursor):
    """Its rows are named tuples. Characters that a Python name cannot have become underscores."""

    MAX_CACHE = 1024

    @_Derived
    def Record(self):
        """The class of the present result's rows; None where there is no result."""
        return None if self.description is None else self._of_names(lambda names: self._make_nt())

    def fetchone(self):
        row = super().fetchone()
        return None if row is None else self.Record._make(row)

    def fetchmany(self, size=None):
        rows = super().fetchmany(size)
        # Names that make no named tuple are an error whatever rows there are.
        return list(map(self.Record._make, rows))

    def fetchall(self):
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


# What ASCII has and a name has not. Other characters are namedtuple's to accept or to refuse.
_not_in_names = re.compile(r"[\x20-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7e]")


def _field_name(column):
    """A column's name as one that namedtuple takes: those beginning with `_` are its own, digits begin none."""
    name = _not_in_names.sub("_", column)
    return f"f{name}" if name[:1] == "_" or name[:1].isdigit() else name


@lru_cache(NamedTupleCursor.MAX_CACHE)
def _cached_make_nt(cls, names):
    return cls._do_make_nt(names)


# A class method that a subclass may replace by one with a cache of another size.
NamedTupleCursor._cached_make_nt = classmethod(_cached_make_nt)


# Connections.


class DictConnection(ConnectionOfCursors):
    """Makes DictCursors unless asked for others."""

    default_cursor = DictCursor


class RealDictConnection(ConnectionOfCursors):
    """Makes RealDictCursors unless asked for others."""

    default_cursor = RealDictCursor


class NamedTupleConnection(ConnectionOfCursors):
    """Makes NamedTupleCursors unless asked for others."""

    default_cursor = NamedTupleCursor
