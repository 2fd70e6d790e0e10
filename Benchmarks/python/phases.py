"""Splits the time of a fetchall(): libpq while the statement executes, the driver while the rows are fetched, and
CPython while they are freed. The first and the last phase are the same for psycopg2 and Apus.

    .venv/bin/python Benchmarks/python/phases.py "host=... dbname=..."
    .venv-bench-psycopg2/bin/python Benchmarks/python/phases.py "host=... dbname=..."

Prints CPU nanoseconds per row, the best of seven runs; the kernel's part of them; and page faults of all phases.
"""

import resource
import sys

import psycopg2

ROWS = 200_000
COLUMNS = {
    "int": "n * 7919 %% 1000003",
    "text": "'the text of row ' || n",
    "float8": "(n * 0.7318 + 1.0 / n)::float8",
    "timestamptz": "timestamptz '2024-01-01 00:00:00+00' + n * interval '61.000123 s'",
    "numeric": "(n * 12.345)::numeric(12, 3)",
    "bool": "n %% 3 = 0",
    "int[]": "ARRAY[n, n + 1, n + 2, n + 3, n + 4]",
    "bytea": "decode(repeat(md5(n::text), 4), 'hex')",
}


def spent():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_stime, usage.ru_minflt


def measure(cursor):
    """Return nanoseconds per row of execute, fetchall and freeing; those of the kernel; and page faults."""
    moments = [spent()]
    cursor.execute("SELECT value FROM phases")
    moments.append(spent())
    rows = cursor.fetchall()
    moments.append(spent())
    del rows
    moments.append(spent())
    phases = [(after[0] - before[0]) * 1e9 / ROWS for before, after in zip(moments, moments[1:])]
    return phases, (moments[3][1] - moments[0][1]) * 1e9 / ROWS, moments[3][2] - moments[0][2]


def main():
    connection = psycopg2.connect(sys.argv[1])
    cursor = connection.cursor()
    print(f"{psycopg2.__version__}\n{'':12} execute   fetch    free   total  kernel  faults")
    for name, expression in COLUMNS.items():
        cursor.execute(
            f"CREATE TEMP TABLE phases AS SELECT {expression} AS value FROM generate_series(1, %s) n", (ROWS,))
        phases, kernel, faults = min((measure(cursor) for _ in range(7)), key=lambda measured: sum(measured[0]))
        print(f"{name:12}", *(f"{number:7.0f}" for number in (*phases, sum(phases), kernel, faults)))
        connection.rollback()


main()
