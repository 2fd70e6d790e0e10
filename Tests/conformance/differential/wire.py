"""A small client of PostgreSQL's protocol 3.0, because the session that watches a driver must not use that driver.

https://www.postgresql.org/docs/current/protocol.html; without TLS, without a password, and simple queries only.
"""

import socket
import struct


class ServerError(Exception):
    """An error from the server: its fields by their letters."""

    def __init__(self, fields):
        super().__init__(f"{fields.get('C')}: {fields.get('M')}")
        self.fields = fields


class WireSession:
    """One session. Every value of its rows is text, or None."""

    def __init__(self, host, port, user, database, timeout=20):
        self._socket = socket.create_connection((host, port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self.pid = None
        words = b"".join(word.encode() + b"\0" for word in (
            "user", user, "database", database, "application_name", "differential observer"))
        startup = struct.pack("!i", 196608) + words + b"\0"
        self._socket.sendall(struct.pack("!i", len(startup) + 4) + startup)
        self._answer()

    def query(self, sql):
        """The rows of the last statement that returns some. The first error is raised after the whole answer."""
        text = sql.encode() + b"\0"
        self._socket.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
        return self._answer()

    def close(self):
        try:
            self._socket.sendall(b"X" + struct.pack("!i", 4))
        except OSError:
            pass
        self._socket.close()

    def _answer(self):
        rows, error = [], None
        while True:
            kind, body = self._message()
            if kind == b"D":
                rows.append(row(body))
            elif kind == b"T":
                rows = []
            elif kind == b"E":
                error = error or ServerError(fields(body))
                if error.fields.get("S") in ("FATAL", "PANIC"):
                    raise error
            elif kind == b"R" and body[:4] != b"\0\0\0\0":
                raise RuntimeError("the observer can only connect where the server trusts it")
            elif kind == b"K":
                self.pid = struct.unpack("!i", body[:4])[0]
            elif kind == b"Z":
                if error:
                    raise error
                return rows

    def _message(self):
        head = self._exactly(5)
        return head[:1], self._exactly(struct.unpack("!i", head[1:])[0] - 4)

    def _exactly(self, count):
        while len(self._unread) < count:
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionError("the server ended the observer's session")
            self._unread += more
        taken, self._unread = self._unread[:count], self._unread[count:]
        return taken


def row(body):
    count, at, values = struct.unpack("!h", body[:2])[0], 2, []
    for _ in range(count):
        length = struct.unpack("!i", body[at:at + 4])[0]
        at += 4
        if length < 0:
            values.append(None)
        else:
            values.append(body[at:at + length].decode("utf-8", "replace"))
            at += length
    return values


def fields(body):
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
