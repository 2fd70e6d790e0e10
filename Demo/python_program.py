"""The Python program of the demo. It opens and closes connections; each line of standard input is one command.

    open COUNT DSN      prints `opened COUNT`, or `error MESSAGE`
    close               prints `closed COUNT`

Tools/Sources/ApusDemo is the same program in Swift.
"""

import sys

import psycopg2


def open_connections(count, dsn):
    for _ in range(count):
        connection = psycopg2.connect(dsn)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", (6 * 7,))
            if cursor.fetchone() != (42,):
                raise RuntimeError("the server cannot multiply")
        yield connection


def main():
    connections = []
    for line in sys.stdin:
        command, _, rest = line.strip().partition(" ")
        try:
            if command == "open":
                count, _, dsn = rest.partition(" ")
                connections.extend(open_connections(int(count), dsn))
                print(f"opened {count}", flush=True)
            elif command == "close":
                for connection in connections:
                    connection.close()
                print(f"closed {len(connections)}", flush=True)
                connections.clear()
            else:
                print(f"error there is no command {command!r}", flush=True)
        except Exception as error:  # reported to demo.py, which fails
            print("error " + " ".join(f"{type(error).__name__}: {error}".split()), flush=True)


main()
