"""PostgreSQL's composite types as named tuples."""

import re
from collections import namedtuple

from psycopg2 import extensions as _ext
from psycopg2._psycopg import DataError, ProgrammingError, new_array_type, new_type
from psycopg2._scope import connection_and_cursor, undisturbed


class CompositeCaster:
    """Reads one composite type: see `register_composite`. Override `make` for other objects than named tuples."""

    def __init__(self, name, oid, attrs, array_oid=None, schema=None):
        """`attrs` is a list of (name, OID of the type) of the type's attributes."""
        self.name = name
        self.schema = schema
        self.oid = oid
        self.array_oid = array_oid
        self.attnames = [attribute for attribute, _ in attrs]
        self.atttypes = [type_oid for _, type_oid in attrs]
        self._create_type(name, self.attnames)
        self.typecaster = new_type((oid,), name, self.parse)
        self.array_typecaster = new_array_type((array_oid,), f"{name}ARRAY", self.typecaster) if array_oid else None

    def parse(self, s, curs):
        """Return what `make` makes of a composite's text; None for NULL."""
        if s is None:
            return None
        tokens = self.tokenize(s)
        if len(tokens) != len(self.atttypes):
            raise DataError(f"expecting {len(self.atttypes)} components for the type {self.name}, "
                            f"{len(tokens)} found instead")
        return self.make([curs.cast(oid, token) for oid, token in zip(self.atttypes, tokens)])

    def make(self, values):
        """Return the object of a list of the attributes' values."""
        return self._ctor(values)

    # https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX
    _item = re.compile(r'(?: "( (?: [^"\\] | "" | \\. )* )" | ([^",()]*) ) (?= [,)] ) .', re.VERBOSE | re.DOTALL)
    _escaped = re.compile(r'\\(.)|""', re.DOTALL)

    @classmethod
    def tokenize(cls, s):
        """Return the texts of a composite's attributes; None for NULL."""
        if not (s.startswith("(") and s.endswith(")")):
            raise DataError(f"bad composite representation: {s!r}")
        tokens, position = [], 1
        while position < len(s):
            match = cls._item.match(s, position)
            if match is None:
                raise DataError(f"bad composite representation: {s!r}")
            quoted, plain = match.groups()
            tokens.append(plain or None if quoted is None else cls._escaped.sub(lambda m: m[1] or '"', quoted))
            position = match.end()
        return tokens

    def _create_type(self, name, attnames):
        names = [_not_in_names.sub("_", attribute) for attribute in attnames]
        names = ["f" + attribute if attribute[:1] == "_" or attribute[:1].isdigit() else attribute
                 for attribute in names]
        self.type = namedtuple(_not_in_names.sub("_", name), names, module="psycopg2.extras")
        self._ctor = self.type._make

    @classmethod
    def _from_db(cls, name, conn_or_curs):
        """Make a caster of what the database says of the type `name`."""
        connection, cursor = connection_and_cursor(conn_or_curs)
        with undisturbed(connection):
            try:
                # What is a type's very name needs no quotes, whatever is in it.
                cursor.execute(_DESCRIBE, (name, _quoted(name)))
                found = cursor.fetchall()
            finally:
                cursor.close()
        if not found:
            raise ProgrammingError(f"PostgreSQL type '{name}' not found")
        type_name, schema, oid, array_oid = found[0][:4]
        return cls(type_name, oid, [row[4:] for row in found], array_oid=array_oid, schema=schema)


_DESCRIBE = """
    SELECT t.typname, n.nspname, t.oid, t.typarray, a.attname, a.atttypid
    FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    JOIN pg_attribute a ON a.attrelid = t.typrelid
    WHERE t.oid = to_regtype(coalesce((SELECT quote_ident(typname) FROM pg_type WHERE typname = %s LIMIT 1), %s))
    AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
    """


_part = r'\s*("(?:[^"]|"")+"|[^\W\d][\w$]*)\s*'
_qualified = re.compile(rf"(?:{_part}\.)?{_part}")
_to_lower = str.maketrans({chr(upper): chr(upper + 32) for upper in range(ord("A"), ord("Z") + 1)})


def _quoted(name):
    """Return `type` or `schema.type` with every part in quotes, or None for what is no name of a type.

    to_regtype() raises a syntax error for keywords and malformed names, which would end the caller's transaction.
    """
    match = _qualified.fullmatch(name)
    if match is None:
        return None
    parts = [part for part in match.groups() if part is not None]
    return ".".join(part if part.startswith('"') else f'"{part.translate(_to_lower)}"' for part in parts)


_not_in_names = re.compile(r"[^0-9A-Za-z_]")


def register_composite(name, conn_or_curs, globally=False, factory=None):
    """Read a composite type as named tuples; return the CompositeCaster.

    `name` may have a schema. The type is read so by `conn_or_curs`, or everywhere with `globally`. `factory` is a
    subclass of CompositeCaster to use in its place.
    """
    caster = (factory or CompositeCaster)._from_db(name, conn_or_curs)
    scope = None if globally else conn_or_curs
    # By its public name, which who wraps connections replaces by what unwraps them (New Relic, AWS X-Ray, Elastic APM).
    _ext.register_type(caster.typecaster, scope)
    if caster.array_typecaster is not None:
        _ext.register_type(caster.array_typecaster, scope)
    return caster
