from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from psycopg2._psycopg import cursor
from psycopg2.sql import Composable

_T = TypeVar("_T")

def execute_batch(
    cur: cursor, sql: str | bytes | Composable, argslist: Iterable[Sequence[Any] | Mapping[str, Any]],
    page_size: int = 100,
) -> None: ...
def execute_values(
    cur: cursor, sql: str | bytes | Composable, argslist: Iterable[Sequence[Any] | Mapping[str, Any]],
    template: str | bytes | Composable | None = None, page_size: int = 100, fetch: bool = False,
) -> list[Any] | None: ...
def _paginate(sequence: Iterable[_T], page_size: int) -> Iterator[list[_T]]: ...
