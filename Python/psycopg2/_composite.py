"""Composite types of PostgreSQL as named tuples."""

import re
from collections import namedtuple

from psycopg2 import extensions as _ext
from psycopg2._psycopg import DataError, ProgrammingError, new_array_type, new_type
from psycopg2._scope import connection_and_cursor, undisturbed


class CompositeCaster:
    """Converts the values of one composite type to named tuples. `register_composite()` creates and returns one.

    Subclass it and override `make()` to create other objects, and pass the subclass as `factory`.

    Attributes: `name`, `schema`, `oid` and `array_oid` of the type; `attnames` and `atttypes`, the names and type OIDs
    of its attributes; `type`, the named tuple class; `typecaster` and `array_typecaster`, None if there is no array
    type.
    """

    def __init__(self, name, oid, attrs, array_oid=None, schema=None):
        """Create a converter for the type `name`. `attrs` is a list of (name, type OID) of its attributes."""
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
        """Convert the text of a composite value with `make()`; return None for NULL.

        `curs` is the cursor whose typecasters convert the attributes. Raises DataError for malformed text or a wrong
        number of attributes.
        """
        if s is None:
            return None
        tokens = self.tokenize(s)
        if len(tokens) != len(self.atttypes):
            raise DataError(f"expecting {len(self.atttypes)} components for the type {self.name}, "
                            f"{len(tokens)} found instead")
        return self.make([curs.cast(oid, token) for oid, token in zip(self.atttypes, tokens)])

    def make(self, values):
        """Return the Python object for a list of converted attribute values: a named tuple. Override it for others."""
        return self._ctor(values)

    # https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX
    _item = re.compile(r'(?: "( (?: [^"\\] | "" | \\. )* )" | ([^",()]*) ) (?= [,)] ) .', re.VERBOSE | re.DOTALL)
    _escaped = re.compile(r'\\(.)|""', re.DOTALL)

    @classmethod
    def tokenize(cls, s):
        """Split the text of a composite value into the texts of its attributes, with None for NULL.

        Raises DataError.
        """
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
        """Look the type `name` up in the database and return its CompositeCaster."""
        connection, cursor = connection_and_cursor(conn_or_curs)
        with undisturbed(connection):
            try:
                # A name that is exactly that of a type needs no quotes, whatever characters it contains.
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
    """Return `type` or `schema.type` with every part in quotes, or None if `name` is not a valid type name.

    Keywords and malformed names would make to_regtype() raise a syntax error, which would fail the caller's
    transaction.
    """
    match = _qualified.fullmatch(name)
    if match is None:
        return None
    parts = [part for part in match.groups() if part is not None]
    return ".".join(part if part.startswith('"') else f'"{part.translate(_to_lower)}"' for part in parts)


_not_in_names = re.compile(r"[^0-9A-Za-z_]")


def register_composite(name, conn_or_curs, globally=False, factory=None):
    """Read values of the composite type `name` as named tuples, and return the CompositeCaster.

    - name: the type, optionally with its schema: `card` or `public.card`.
    - conn_or_curs: the connection or cursor on which the type is looked up, and for which it is registered.
    - globally: True registers it for all connections.
    - factory: a subclass of CompositeCaster to use instead.

    Arrays of the type are registered too. Raises ProgrammingError if the type does not exist.

        register_composite("card", connection)
    """
    caster = (factory or CompositeCaster)._from_db(name, conn_or_curs)
    scope = None if globally else conn_or_curs
    # Called by its public name, because libraries that wrap connections (New Relic, AWS X-Ray, Elastic APM) replace
    # this function with one that unwraps them.
    _ext.register_type(caster.typecaster, scope)
    if caster.array_typecaster is not None:
        _ext.register_type(caster.array_typecaster, scope)
    return caster
