"""Uses everything in the extension, a few times each: see run.py. `exercise.py DSN [NAME...]`"""

import gc
import io
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "python"), str(TESTS.parent / "Demo")]

import ownership  # noqa: E402
import ownership_of_adapters  # noqa: E402, F401
import ownership_of_connections  # noqa: E402, F401
import ownership_of_rows  # noqa: E402, F401
import psycopg2  # noqa: E402
import test_leaks  # noqa: E402
from psycopg2 import extensions  # noqa: E402
from racing import in_threads  # noqa: E402

# It needs a million objects to see whether the C stack is large enough.
UNSUITABLE = {"arrays_of_arrays_of_arrays_end"}


def exercise(dsn, names):
    bodies = {body.__name__: body for body in [
        *test_leaks.STATEMENTS, test_leaks.timing_out, sharing, sharing_a_cursor, sharing_an_asynchronous_connection]}
    for name, body in bodies.items():
        if names and name not in names:
            continue
        print("   ", name, flush=True)
        connection = psycopg2.connect(dsn)
        connection.autocommit = True
        for _ in range(3):
            body(connection)
        connection.close()
    for name, connect in test_leaks.CONNECTING.items():
        if names and name not in names:
            continue
        print("   ", name, flush=True)
        for _ in range(2):
            connect(dsn)
    cases = [name for name in ownership.CASES if name not in UNSUITABLE and (not names or name in names)]
    if cases:
        ownership.run(dsn, cases)
    gc.collect()


def sharing(connection):
    """Threads that share one connection."""
    def work(number):
        for _ in range(5):
            cursor = connection.cursor()
            cursor.execute("SELECT generate_series(1, 10)")
            cursor.fetchall()

    in_threads(4, work)


def sharing_a_cursor(connection):
    """Threads that share one cursor, which refuses some of their calls."""
    cursor = connection.cursor()

    def work(number):
        for turn in range(8):
            for use in (lambda: cursor.execute("SELECT %s, generate_series(1, 5)", ("x" * 100 * turn,)),
                        cursor.fetchall,
                        lambda: cursor.copy_expert("COPY (SELECT 1) TO STDOUT", io.StringIO()),
                        lambda: cursor.executemany("SELECT %s", [(number,), (turn,)]), lambda: cursor.description,
                        lambda: connection.get_parameter_status("TimeZone"), lambda: connection.info.error_message,
                        lambda: cursor.execute("SET TimeZone TO %s", (["UTC", "Europe/Berlin"][turn % 2],))):
                try:
                    use()
                except psycopg2.Error:
                    pass

    in_threads(4, work)


def sharing_an_asynchronous_connection(connection):
    """Threads poll one asynchronous connection; one of them executes, and closes it in the end."""
    shared = psycopg2.connect(sys.argv[1] + " sslmode=disable gssencmode=disable", async_=True)

    def work(number):
        try:
            turn = 0
            while turn < 20:
                if shared.poll() == extensions.POLL_OK and not shared.isexecuting() and number == 0:
                    shared.cursor().execute("SELECT %s, generate_series(1, 50)", ("x" * 500,))
                    turn += 1
        except psycopg2.Error:
            pass
        finally:
            if number == 0:
                shared.close()

    in_threads(3, work)


if __name__ == "__main__":
    exercise(sys.argv[1] + " sslmode=disable gssencmode=disable", sys.argv[2:])
