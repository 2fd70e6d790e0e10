"""A server of a few lines that speaks PostgreSQL's protocol, for answers that no real server gives.

See "Message Formats" in PostgreSQL's manual.
"""

import socket
import struct
import threading


def message(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


def complete(tag):
    return message(b"C", tag.encode() + b"\0")


def ready(status):
    return message(b"Z", status.encode())


def row(value):
    """A result of one row with one column."""
    column = b"c\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
    cell = value.encode()
    return (message(b"T", struct.pack("!h", 1) + column)
            + message(b"D", struct.pack("!hi", 1, len(cell)) + cell) + complete("SELECT 1"))


def error(code, text, severity="ERROR"):
    fields = [b"S" + severity.encode(), b"V" + severity.encode(), b"C" + code.encode(), b"M" + text.encode()]
    return message(b"E", b"".join(field + b"\0" for field in fields) + b"\0")


def copy_out(*pieces):
    """COPY TO that begins and sends some data, but does not end."""
    return message(b"H", struct.pack("!bhh", 0, 1, 0)) + b"".join(message(b"d", piece) for piece in pieces)


def copy_in():
    return message(b"G", struct.pack("!bhh", 0, 1, 0))


def copy_both():
    return message(b"W", struct.pack("!bh", 0, 0))


COPY_DONE = message(b"c")
EMPTY = message(b"I")
NOTHING = b""


class Hangup(Exception):
    """Raised by an answer that ends the connection."""


class Stall:
    """An answer that does not end: the server is silent from then on."""

    def __init__(self, begun=b""):
        self.begun = begun


class FakeServer:
    """Answers statements as a server would, or as `answers` says: with bytes, with bytes and the status of the
    transaction afterwards (`I`, `T` or `E`), or with a Stall. A callable returns one of these. Statements are separated
    by `;`; the keys of `answers` are whole statements or their first words."""

    def __init__(self, answers=(), holds_cancels=False, parameters=()):
        self.answers = dict(answers)
        # Parameters that the server reports in addition to the usual ones.
        self.parameters = dict(parameters)
        # Whether a request to cancel gets no answer.
        self.holds_cancels = holds_cancels
        self.statements = []
        self.canceled = threading.Event()
        self.copy_ends = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections = []
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def dsn(self):
        return f"host=127.0.0.1 port={self._listener.getsockname()[1]} user=u dbname=d sslmode=disable"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Closes all sockets and ends all threads, also those that wait for a client or stall."""
        self._is_over.set()
        # close() alone does not wake a thread that waits on the socket.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._end(self._threads[0])
        self._listener.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads[1:]:
            self._end(thread)

    @staticmethod
    def _end(thread):
        thread.join(20)
        assert not thread.is_alive(), "an answer of the fake server does not come to its end"

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as reader:
            try:
                self._converse(connection, reader)
            except (OSError, struct.error, Hangup):
                pass

    def _converse(self, connection, reader):
        while True:
            size, code = struct.unpack("!ii", reader.read(8))
            rest = reader.read(size - 8)
            if code == 80877102:
                self.canceled.set()
                if self.holds_cancels:
                    self._is_over.wait()
                raise Hangup
            if code in (80877103, 80877104):
                connection.sendall(b"N")
                continue
            break
        assert rest
        parameters = {"server_version": "15.0", "client_encoding": "UTF8", "standard_conforming_strings": "on",
                      "DateStyle": "ISO, MDY", "integer_datetimes": "on", **self.parameters}
        connection.sendall(
            message(b"R", struct.pack("!i", 0))
            + b"".join(message(b"S", f"{name}\0{value}\0".encode()) for name, value in parameters.items())
            + message(b"K", struct.pack("!ii", 1, 2)) + ready("I"))
        status = "I"
        while True:
            kind = reader.read(1)
            size, = struct.unpack("!i", reader.read(4))
            body = reader.read(size - 4)
            if kind == b"X":
                raise Hangup
            if kind in (b"c", b"f"):
                self.copy_ends.append(kind)
                end = complete("COPY 0") if kind == b"c" else error("57014", "COPY failed")
                connection.sendall(end + ready(status))
            elif kind == b"Q":
                status = self._answer(connection, body[:-1].decode(), status)

    def _answer(self, connection, text, status):
        for statement in [part.strip() for part in text.split(";")]:
            if not statement and ";" in text:
                continue
            self.statements.append(statement)
            word = statement.split(" ")[0].upper()
            status = {"BEGIN": "T", "COMMIT": "I", "ROLLBACK": "I"}.get(word, status)
            answer = self.answers.get(statement, self.answers.get(word))
            if callable(answer):
                answer = answer()
            if isinstance(answer, tuple):
                answer, status = answer
            if isinstance(answer, Stall):
                connection.sendall(answer.begun)
                self._is_over.wait()
                raise Hangup
            if answer is None:
                answer = EMPTY if not statement else row("1") if word == "SELECT" else complete(word)
            connection.sendall(answer)
            if answer.endswith(copy_in()):
                # The client decides how the COPY ends.
                return status
            if answer.startswith(b"E"):
                break
        connection.sendall(ready(status))
        return status
