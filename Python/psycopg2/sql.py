"""Compose SQL statements from parts, each quoted according to its kind.

    query = sql.SQL("SELECT {field} FROM {table} WHERE id = %s").format(
        field=sql.Identifier("name"), table=sql.Identifier("public", "people"))
    cursor.execute(query, (42,))
"""

import string

from psycopg2 import extensions as ext

_formatter = string.Formatter()


class Composable:
    """Base class of the parts of a statement. `a + b` joins parts; `a * n` repeats a part n times."""

    def __init__(self, wrapped):
        self._wrapped = wrapped

    def as_string(self, context):
        """Return the part as str, quoted for `context`, the connection or cursor that executes it."""
        raise NotImplementedError(f"{type(self).__name__} does not implement as_string()")

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
    """A sequence of parts. `seq` is an iterable of Composable; other elements raise TypeError."""

    def __init__(self, seq):
        super().__init__(list(seq))
        for part in self._wrapped:
            if not isinstance(part, Composable):
                raise TypeError(f"Composed elements must be Composable, got {part!r} instead")

    @property
    def seq(self):
        """The parts, as a new list."""
        return self._wrapped[:]

    def __iter__(self):
        return iter(self._wrapped)

    def _parts(self):
        return tuple(self._wrapped)

    def as_string(self, context):
        """Return the texts of all parts, joined."""
        return "".join([part.as_string(context) for part in self])

    def join(self, joiner):
        """Return a Composed with `joiner`, an SQL or a str, between the parts. Raises TypeError for another joiner."""
        if isinstance(joiner, str):
            joiner = SQL(joiner)
        if not isinstance(joiner, SQL):
            raise TypeError(f"the joiner of a Composed must be an SQL or a string, not {joiner!r}")
        return joiner.join(self._wrapped)


class SQL(Composable):
    """A piece of SQL that is inserted verbatim. Never create one from input of users.

    Raises TypeError if `string` is not a str.

        SQL("SELECT {} FROM {}").format(Identifier("name"), Identifier("person"))
    """

    def __init__(self, string):
        if not isinstance(string, str):
            raise TypeError("SQL values must be strings")
        super().__init__(string)

    @property
    def string(self):
        """The text, as str."""
        return self._wrapped

    def as_string(self, context):
        """Return the text unchanged."""
        return self._wrapped

    def format(self, *args, **kwargs):
        """Replace the placeholders `{}`, `{0}` or `{name}` with the arguments, and return a Composed.

        The arguments are Composable; write `{{` and `}}` for braces. Raises ValueError for format specifications,
        conversions, and a mix of `{}` and `{0}`; IndexError or KeyError for a missing argument.
        """
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
        """Return a Composed of the parts in `seq` with this SQL between them: `SQL(", ").join([...])`."""
        parts = []
        for part in seq:
            if parts:
                parts.append(self)
            parts.append(part)
        return Composed(parts)


class Identifier(Composable):
    """A quoted identifier, or several joined by dots: `Identifier("public", "person")`.

    Raises TypeError without arguments, or if one is not a str.
    """

    def __init__(self, *strings):
        if not strings:
            raise TypeError("Identifier cannot be empty")
        for part in strings:
            if not isinstance(part, str):
                raise TypeError("SQL identifier parts must be strings")
        super().__init__(strings)

    @property
    def strings(self):
        """The parts of the identifier, as a tuple of str."""
        return self._wrapped

    @property
    def string(self):
        """The identifier, as str. Raises AttributeError if it has several parts."""
        if len(self._wrapped) == 1:
            return self._wrapped[0]
        raise AttributeError("the Identifier wraps more than one string")

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(map(repr, self._wrapped))})"

    def as_string(self, context):
        """Return the quoted identifier. Raises TypeError if `context` is not a connection or cursor."""
        return ".".join(ext.quote_ident(name, context) for name in self._wrapped)


class Literal(Composable):
    """A value, written as a literal: `Literal(42)`, `Literal("it's")`."""

    @property
    def wrapped(self):
        """The value, a Python object."""
        return self._wrapped

    def as_string(self, context):
        """Return the literal. Raises TypeError if `context` is not a connection or cursor."""
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
    """A placeholder for a value that is passed to `execute()`: `%s`, or `%(name)s` with a `name`.

    Raises ValueError if the name contains `)`, and TypeError if it is not a str.
    """

    def __init__(self, name=None):
        if isinstance(name, str):
            if ")" in name:
                raise ValueError(f"invalid name: {name!r}")
        elif name is not None:
            raise TypeError(f"expected string or None as name, got {name!r}")
        super().__init__(name)

    @property
    def name(self):
        """The name, as str, or None."""
        return self._wrapped

    def __repr__(self):
        return f"{type(self).__name__}({'' if self._wrapped is None else repr(self._wrapped)})"

    def as_string(self, context):
        """Return `%s` or `%(name)s`."""
        return "%s" if self._wrapped is None else f"%({self._wrapped})s"


NULL = SQL("NULL")
DEFAULT = SQL("DEFAULT")
