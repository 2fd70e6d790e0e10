from collections.abc import Sequence
from typing import Any

from psycopg2._psycopg import _type, connection, cursor

class CompositeCaster:
    name: str
    schema: str | None
    oid: int
    array_oid: int | None
    attnames: list[str]
    atttypes: list[int]
    type: type[Any]
    typecaster: _type
    array_typecaster: _type | None
    def __init__(
        self, name: str, oid: int, attrs: Sequence[tuple[str, int]], array_oid: int | None = None,
        schema: str | None = None,
    ) -> None: ...
    def parse(self, s: str | None, curs: cursor) -> Any: ...
    def make(self, values: list[Any]) -> Any: ...
    @classmethod
    def tokenize(cls, s: str) -> list[str | None]: ...

def register_composite(
    name: str, conn_or_curs: connection | cursor, globally: bool = False,
    factory: type[CompositeCaster] | None = None,
) -> CompositeCaster: ...
