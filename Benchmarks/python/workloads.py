"""The workloads: their operations, and the number of operations per sample."""

from dataclasses import dataclass

# The columns of the table `bench_rows`; `mix` is the first six of them together.
MIX = ("int", "text", "float8", "timestamptz", "numeric", "bool")
ALONE = MIX + ("jsonb", "intarray", "bytea")


@dataclass(frozen=True)
class Workload:
    """A sample has `count` operations, or `quick` with --quick. Instructions are counted for `few` and `many`
    operations, if these are set; `preparation` names the workload that only prepares them. With `peak`, memory is
    measured too."""

    name: str
    unit: str
    count: int
    quick: int
    few: int = 0
    many: int = 0
    peak: bool = False
    preparation: str = ""


ROWS, QUICK_ROWS = 200_000, 50_000

WORKLOADS = (
    Workload("connect", "connect", 60, 20),
    Workload("select1", "query", 5_000, 2_000, few=500, many=2_500),
    Workload("transaction", "transaction", 2_000, 1_000),
    Workload("point", "query", 5_000, 2_000),
    Workload("fetch_mix", "row", ROWS, QUICK_ROWS, few=1_000, many=11_000, peak=True),
    *(Workload(f"fetch_{column}", "row", ROWS, QUICK_ROWS) for column in ALONE),
    Workload("named_mix", "row", ROWS, QUICK_ROWS),
    Workload("executemany", "row", 4_000, 2_000),
    Workload("execute_values", "row", 20_000, 10_000, few=1_000, many=5_000, preparation="preparation"),
    Workload("execute_batch", "row", 10_000, 5_000),
    Workload("copy_in", "row", ROWS, QUICK_ROWS),
    Workload("copy_out", "row", ROWS, QUICK_ROWS),
    Workload("threads", "query", 9_600, 3_200),
)

THREADS = 32


def select(name, count):
    """Return the statement of a workload that reads `count` rows, such as `fetch_mix`, `fetch_int` and `named_mix`."""
    what = name.split("_", 1)[1]
    columns = ", ".join(f'"{column}"' for column in (MIX if what in ("mix", "out") else (what,)))
    return f"SELECT {columns} FROM bench_rows WHERE id <= {count}"


def rows(count):
    """Return `count` rows to insert."""
    return [(number, f"name of {number}", number / 8, number % 2 == 0) for number in range(count)]


def copy_text(count):
    """Return the same rows in the text format of COPY."""
    return "".join(f"{number}\tname of {number}\t{number / 8}\t{'ft'[number % 2 == 0]}\n"
                   for number in range(count)).encode()
