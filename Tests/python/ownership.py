"""Callbacks that attack the objects that the driver is using: one function per case. test_ownership.py runs each in a
separate interpreter, `make check-memory` all of them under valgrind. `ownership.py DSN [CASE...]`"""

import gc
import sys

import psycopg2

CASES = {}
WHERE = {}


def case(function):
    """Registers a case, which is called with a connection."""
    CASES[function.__name__] = function
    return function


def another():
    """One more connection to the same server."""
    return psycopg2.connect(WHERE["dsn"])


def raised(call, *arguments):
    """The exception that a call raises, as text; a call that raises none fails."""
    try:
        call(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError("nothing was raised")


def churn():
    """Reuses freed memory, so that code that still reads it finds something else."""
    return [bytes(size) for size in range(16, 600, 8) for _ in range(20)]


class Callback:
    """A callable to which only its user has a reference."""

    def __init__(self, body):
        self.body = body
        self.name = "alive"

    def __call__(self, *arguments):
        answer = self.body(*arguments)
        churn()
        assert self.name == "alive"
        return answer


def run(dsn, names=()):
    WHERE["dsn"] = dsn
    for name in names or CASES:
        print("   ", name, flush=True)
        connection = psycopg2.connect(dsn)
        CASES[name](connection)
        connection.close()
        gc.collect()


if __name__ == "__main__":
    # The cases register with the module that they import, which is not this one, the main program.
    import ownership
    import ownership_of_adapters  # noqa: F401
    import ownership_of_connections  # noqa: F401
    import ownership_of_rows  # noqa: F401

    ownership.run(sys.argv[1], sys.argv[2:])
