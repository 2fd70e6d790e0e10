"""Uses everything that the extension has, a few times each: see run.py. `exercise.py DSN [NAME...]`"""

import gc
import sys
import threading
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "python"), str(TESTS.parent / "Demo")]

import psycopg2  # noqa: E402
import test_leaks  # noqa: E402


def exercise(dsn, names):
    bodies = {body.__name__: body for body in [*test_leaks.STATEMENTS, test_leaks.timing_out, sharing]}
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
    gc.collect()


def sharing(connection):
    """Threads at one connection."""
    def work():
        for _ in range(5):
            cursor = connection.cursor()
            cursor.execute("SELECT generate_series(1, 10)")
            cursor.fetchall()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    exercise(sys.argv[1] + " sslmode=disable gssencmode=disable", sys.argv[2:])
