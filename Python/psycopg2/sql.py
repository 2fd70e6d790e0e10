"""Statements composed of parts, each quoted as what it is.

    query = sql.SQL("SELECT {field} FROM {table} WHERE id = %s").format(
        field=sql.Identifier("name"), table=sql.Identifier("public", "people"))
    cursor.execute(query, (42,))
"""

import string

from psycopg2 import extensions as ext

_formatter = string.Formatter()


class Composable:
    """Base of the parts. `+` joins two, `*` repeats one."""

    def __init__(self, wrapped):
        self._wrapped = wrapped

    def as_string(self, context):
        """Return the part as text, for the connection or cursor that it will be executed on."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it is as a string")

    def _parts(self):
        return (self,)

    def __add__(self, other):
        return Composed((*self._parts(), *other._parts())) if isinstance(other, Composable) else NotImplemented

    def __mul__(self, n):
        return Composed([self] * n)

    def __eq__(self, other):
        return type(self) is type(other) and self._wrapped == other._wrapped

    def __repr__(self):
        return f"{type(self).__name__}({self._wrapped!r})"


class Composed(Composable):
    """A sequence of parts, one after the other."""

    def __init__(self, seq):
        super().__init__(list(seq))
        for part in self._wrapped:
            if not isinstance(part, Composable):
                raise TypeError(f"Composed elements must be Composable, got {part!r} instead")

    @property
    def seq(self):
        """The parts, as a list."""
        return self._wrapped[:]

    def __iter__(self):
        return iter(self._wrapped)

    def _parts(self):
        return tuple(self._wrapped)

    def as_string(self, context):
        return "".join([part.as_string(context) for part in self])

    def join(self, joiner):
        """Return the parts with a joiner, an SQL or a string, between them."""
        if isinstance(joiner, str):
            joiner = SQL(joiner)
        if not isinstance(joiner, SQL):
            raise TypeError(f"a Composed is joined by an SQL or a string, not by {joiner!r}")
        return joiner.join(self._wrapped)


class SQL(Composable):
    """A piece of SQL as the program wrote it. Never make one of what somebody else gave."""

    def __init__(self, string):
        if not isinstance(string, str):
            raise TypeError("SQL values must be strings")
        super().__init__(string)

    @property
    def string(self):
        """The SQL."""
        return self._wrapped

    def as_string(self, context):
        return self._wrapped

    def format(self, *args, **kwargs):
        """Put parts into the placeholders `{}`, `{0}` or `{name}`."""
        parts, numbered = [], 0
        for literal, name, spec, conversion in _formatter.parse(self._wrapped):
            if spec:
                raise ValueError("no format specification supported by SQL")
            if conversion:
                raise ValueError("no format conversion supported by SQL")
            if literal:
                parts.append(SQL(literal))
            if name is None:
                continue
            if name.isdigit():
                if numbered:
                    raise ValueError("cannot switch from automatic field numbering to manual")
                numbered = None
                parts.append(args[int(name)])
            elif name:
                parts.append(kwargs[name])
            else:
                if numbered is None:
                    raise ValueError("cannot switch from manual field numbering to automatic")
                parts.append(args[numbered])
                numbered += 1
        return Composed(parts)

    def join(self, seq):
        """Return the parts of `seq` with this SQL between them."""
        parts = []
        for part in seq:
            if parts:
                parts.append(self)
            parts.append(part)
        return Composed(parts)


class Identifier(Composable):
    """An identifier, or several parted by dots: a schema and a table, say."""

    def __init__(self, *strings):
        if not strings:
            raise TypeError("Identifier cannot be empty")
        for part in strings:
            if not isinstance(part, str):
                raise TypeError("SQL identifier parts must be strings")
        super().__init__(strings)

    @property
    def strings(self):
        """The names, as a tuple."""
        return self._wrapped

    @property
    def string(self):
        """The name; AttributeError where there are several."""
        if len(self._wrapped) == 1:
            return self._wrapped[0]
        raise AttributeError("the Identifier wraps more than one string")

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(repr, self._wrapped))})"

    def as_string(self, context):
        return ".".join(ext.quote_ident(name, context) for name in self._wrapped)


class Literal(Composable):
    """A value, written into the statement as a literal."""

    @property
    def wrapped(self):
        """The value."""
        return self._wrapped

    def as_string(self, context):
        if isinstance(context, ext.connection):
            connection = context
        elif isinstance(context, ext.cursor):
            connection = context.connection
        else:
            raise TypeError("context must be a connection or a cursor")
        adapter = ext.adapt(self._wrapped)
        if hasattr(adapter, "prepare"):
            adapter.prepare(connection)
        quoted = adapter.getquoted()
        return quoted if isinstance(quoted, str) else quoted.decode(ext.encodings[connection.encoding])


class Placeholder(Composable):
    """A placeholder for a value that `execute` is given: `%s`, or `%(name)s`."""

    def __init__(self, name=None):
        if isinstance(name, str):
            if ")" in name:
                raise ValueError(f"invalid name: {name!r}")
        elif name is not None:
            raise TypeError(f"expected string or None as name, got {name!r}")
        super().__init__(name)

    @property
    def name(self):
        """The name, or None."""
        return self._wrapped

    def __repr__(self):
        return f"{type(self).__name__}({'' if self._wrapped is None else repr(self._wrapped)})"

    def as_string(self, context):
        return "%s" if self._wrapped is None else f"%({self._wrapped})s"


NULL = SQL("NULL")
DEFAULT = SQL("DEFAULT")
