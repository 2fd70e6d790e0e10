"""PostgreSQL ranges as Python objects."""

import re

from psycopg2._psycopg import InterfaceError, ISQLQuote, ProgrammingError
from psycopg2.extensions import adapt, new_array_type, new_type, register_adapter, register_type


class Range:
    """A range of values between two bounds. A bound that is None is infinite.

    `bounds` is one of `()`, `[)`, `(]` and `[]`; a square bracket means that the bound belongs to the range.
    `empty=True` creates an empty range. `x in r` tests whether the range contains a value. Raises ValueError for other
    `bounds`.

        NumericRange(1, 10, "[]")
    """

    __slots__ = ("_lower", "_upper", "_bounds")

    def __init__(self, lower=None, upper=None, bounds="[)", empty=False):
        if bounds not in ("[)", "(]", "()", "[]"):
            raise ValueError(f"bound flags not valid: {bounds!r}")
        if empty:
            self._lower = self._upper = self._bounds = None
        else:
            self._lower, self._upper, self._bounds = lower, upper, bounds

    def __repr__(self):
        if self._bounds is None:
            return f"{type(self).__name__}(empty=True)"
        return f"{type(self).__name__}({self._lower!r}, {self._upper!r}, {self._bounds!r})"

    def __str__(self):
        if self._bounds is None:
            return "empty"
        return f"{self._bounds[0]}{self._lower!s}, {self._upper!s}{self._bounds[1]}"

    @property
    def lower(self):
        """The lower bound; None if it is infinite or the range is empty."""
        return self._lower

    @property
    def upper(self):
        """The upper bound; None if it is infinite or the range is empty."""
        return self._upper

    @property
    def isempty(self):
        """True if the range is empty."""
        return self._bounds is None

    @property
    def lower_inf(self):
        """True if the range has no lower bound."""
        return self._bounds is not None and self._lower is None

    @property
    def upper_inf(self):
        """True if the range has no upper bound."""
        return self._bounds is not None and self._upper is None

    @property
    def lower_inc(self):
        """True if the lower bound belongs to the range."""
        return self._bounds is not None and self._lower is not None and self._bounds[0] == "["

    @property
    def upper_inc(self):
        """True if the upper bound belongs to the range."""
        return self._bounds is not None and self._upper is not None and self._bounds[1] == "]"

    def __contains__(self, x):
        if self._bounds is None:
            return False
        if self._lower is not None and (x < self._lower or (x == self._lower and not self.lower_inc)):
            return False
        return self._upper is None or x < self._upper or (x == self._upper and self.upper_inc)

    def __bool__(self):
        return self._bounds is not None

    def __eq__(self, other):
        if not isinstance(other, Range):
            return False
        return (self._lower, self._upper, self._bounds) == (other._lower, other._upper, other._bounds)

    def __ne__(self, other):
        return not self == other

    def __hash__(self):
        return hash((self._lower, self._upper, self._bounds))

    # Compares field by field. This is not the server's order of ranges, but makes sorting possible.
    def _order(self):
        return tuple((value is not None, value) for value in (self._lower, self._upper, self._bounds))

    def _compare(self, other, operator):
        if not isinstance(other, Range):
            return NotImplemented
        for mine, theirs in zip(self._order(), other._order()):
            if mine != theirs:
                return operator(mine, theirs)
        return operator(0, 0)

    def __lt__(self, other):
        return self._compare(other, lambda a, b: a < b)

    def __le__(self, other):
        return self._compare(other, lambda a, b: a <= b)

    def __gt__(self, other):
        return self._compare(other, lambda a, b: a > b)

    def __ge__(self, other):
        return self._compare(other, lambda a, b: a >= b)

    def __getstate__(self):
        return {name: getattr(self, name) for name in Range.__slots__}

    def __setstate__(self, state):
        for name, value in state.items():
            setattr(self, name, value)


class NumericRange(Range):
    """A value of int4range, int8range or numrange."""


class DateRange(Range):
    """A value of daterange."""


class DateTimeRange(Range):
    """A value of tsrange."""


class DateTimeTZRange(Range):
    """A value of tstzrange."""


class RangeAdapter:
    """Writes a Range as an SQL expression. A subclass sets `name`, the name of the range type on the server."""

    name = None

    def __init__(self, adapted):
        self.adapted = adapted
        self._conn = None

    def __conform__(self, proto):
        return self if proto is ISQLQuote else None

    def prepare(self, conn):
        """Set the connection whose encoding and quoting rules `getquoted()` uses."""
        self._conn = conn

    def _quoted(self, value):
        if value is None:
            return b"NULL"
        adapter = adapt(value)
        if hasattr(adapter, "prepare"):
            adapter.prepare(self._conn)
        return adapter.getquoted()

    def getquoted(self):
        """Return the range as an SQL expression, as bytes. Raises NotImplementedError if `name` is not set."""
        if self.name is None:
            raise NotImplementedError("RangeAdapter must be subclassed overriding its name")
        r = self.adapted
        if r.isempty:
            return b"'empty'::" + self.name.encode("utf8")
        return b"%s(%s, %s, '%s')" % (
            self.name.encode("utf8"), self._quoted(r.lower), self._quoted(r.upper), r._bounds.encode("utf8"),
        )


class NumberRangeAdapter(RangeAdapter):
    """Writes a range of numbers as an untyped literal, which fits int4range, int8range and numrange."""

    def getquoted(self):
        """Return the range as an SQL literal, as bytes."""
        r = self.adapted
        if r.isempty:
            return b"'empty'"
        # The adapter of a negative number adds a space in front, which a range literal does not need.
        lower = "" if r.lower is None else self._quoted(r.lower).decode("ascii").strip()
        upper = "" if r.upper is None else self._quoted(r.upper).decode("ascii").strip()
        return f"'{r._bounds[0]}{lower},{upper}{r._bounds[1]}'".encode("ascii")


class RangeCaster:
    """Converts between one range type of the server and one subclass of Range. `register_range()` creates and returns
    one.

    Attributes: `range`, the subclass of Range; `adapter`, the subclass of RangeAdapter; `subtype_oid`; `typecaster` and
    `array_typecaster`, None if there is no array type.
    """

    _range_text = re.compile(
        r"""
        ([\[(])                                     # whether the lower bound is included
        (?: "( (?: [^"\\] | "" | \\. )* )" | ([^",]*) )  # the lower bound, quoted or not
        ,
        (?: "( (?: [^"\\] | "" | \\. )* )" | ([^",)\]]*) )
        ([\])])
        """,
        re.VERBOSE | re.DOTALL,
    )
    _escaped = re.compile(r'\\(.)|""', re.DOTALL)

    def __init__(self, pgrange, pyrange, oid, subtype_oid, array_oid=None):
        self.subtype_oid = subtype_oid
        self._create_ranges(pgrange, pyrange)
        name = self.adapter.name or self.adapter.__class__.__name__
        self.typecaster = new_type((oid,), name, self.parse)
        self.array_typecaster = new_array_type((array_oid,), name + "ARRAY", self.typecaster) if array_oid else None

    def _create_ranges(self, pgrange, pyrange):
        """Set `range` and `adapter` to the given classes, or create classes with the given names."""
        self.adapter = None
        if isinstance(pgrange, str):
            self.adapter = type(pgrange.rpartition(".")[2], (RangeAdapter,), {"name": pgrange})
        elif isinstance(pgrange, type) and issubclass(pgrange, RangeAdapter) and pgrange is not RangeAdapter:
            self.adapter = pgrange
        if self.adapter is None:
            raise TypeError("pgrange must be a string or a RangeAdapter strict subclass")
        self.range = None
        if isinstance(pyrange, str):
            self.range = type(pyrange, (Range,), {})
        elif isinstance(pyrange, type) and issubclass(pyrange, Range) and pyrange is not Range:
            self.range = pyrange
        if self.range is None:
            raise TypeError("pyrange must be a type name or a Range strict subclass")

    @classmethod
    def _from_db(cls, name, pyrange, conn_or_curs):
        """Look the range type `name` up in the database and return its RangeCaster."""
        from psycopg2._scope import connection_and_cursor, undisturbed

        connection, cursor = connection_and_cursor(conn_or_curs)
        if connection.info.server_version < 90200:
            raise ProgrammingError("range types not available in version " + str(connection.info.server_version))
        with undisturbed(connection):
            found = None
            try:
                cursor.execute(
                    "SELECT rngtypid, rngsubtype, typarray FROM pg_range JOIN pg_type t ON t.oid = rngtypid"
                    " WHERE t.oid = to_regtype("
                    "coalesce((SELECT quote_ident(typname) FROM pg_type WHERE typname = %s LIMIT 1), %s))",
                    (name, name),
                )
                found = cursor.fetchone()
                if found is None:
                    cursor.execute(
                        "SELECT rngtypid, rngsubtype, typarray FROM pg_range JOIN pg_type t ON t.oid = rngtypid"
                        " JOIN pg_namespace n ON n.oid = typnamespace WHERE typname = %s AND nspname = %s",
                        (name.rpartition(".")[2], name.rpartition(".")[0] or "public"),
                    )
                    found = cursor.fetchone()
            finally:
                cursor.close()
        if found is None:
            raise ProgrammingError(f"PostgreSQL range '{name}' not found")
        oid, subtype, array = found
        return cls(name, pyrange, oid=oid, subtype_oid=subtype, array_oid=array)

    def parse(self, s, cur=None):
        """Convert the text of a range to a `range` object; return None for NULL.

        `cur` is the cursor whose typecasters convert the bounds. Raises InterfaceError for malformed text.
        """
        if s is None:
            return None
        if s == "empty":
            return self.range(empty=True)
        match = self._range_text.fullmatch(s)
        if match is None:
            raise InterfaceError(f"failed to parse range: '{s}'")
        opening, lower_quoted, lower, upper_quoted, upper, closing = match.groups()
        return self.range(
            self._bound(lower_quoted, lower, cur), self._bound(upper_quoted, upper, cur), opening + closing
        )

    def _bound(self, quoted, plain, cur):
        if quoted is not None:
            text = self._escaped.sub(lambda m: m[1] or '"', quoted)
        elif plain:
            text = plain
        else:
            return None
        return cur.cast(self.subtype_oid, text)

    def _register(self, scope=None):
        register_type(self.typecaster, scope)
        if self.array_typecaster is not None:
            register_type(self.array_typecaster, scope)
        register_adapter(self.range, self.adapter)


def register_range(pgrange, pyrange, conn_or_curs, globally=False):
    """Read and write values of a range type of the database, and return the RangeCaster.

    - pgrange: the name of the range type, optionally with its schema, or a subclass of RangeAdapter.
    - pyrange: a subclass of Range, or the name of a new one.
    - conn_or_curs: the connection or cursor on which the type is looked up, and for which it is registered.
    - globally: True registers it for all connections. Arguments are always accepted on all connections.

    Arrays of the type are registered too. Raises ProgrammingError if the type does not exist.

        register_range("inetrange", "InetRange", connection)
    """
    name = pgrange if isinstance(pgrange, str) else pgrange.name
    caster = RangeCaster._from_db(name, pyrange, conn_or_curs)
    if not isinstance(pgrange, str):
        caster = RangeCaster(
            pgrange, pyrange, oid=caster.typecaster.values[0], subtype_oid=caster.subtype_oid,
            array_oid=caster.array_typecaster.values[0] if caster.array_typecaster is not None else None,
        )
    caster._register(None if globally else conn_or_curs)
    return caster


def _builtin(pgrange, pyrange, oid, subtype_oid, array_oid):
    caster = RangeCaster(pgrange, pyrange, oid=oid, subtype_oid=subtype_oid, array_oid=array_oid)
    caster._register()
    return caster


# pg_type.dat, pg_range.dat
int4range_caster = _builtin(NumberRangeAdapter, NumericRange, 3904, 23, 3905)
int8range_caster = _builtin(NumberRangeAdapter, NumericRange, 3926, 20, 3927)
numrange_caster = _builtin(NumberRangeAdapter, NumericRange, 3906, 1700, 3907)
daterange_caster = _builtin("daterange", DateRange, 3912, 1082, 3913)
tsrange_caster = _builtin("tsrange", DateTimeRange, 3908, 1114, 3909)
tstzrange_caster = _builtin("tstzrange", DateTimeTZRange, 3910, 1184, 3911)
