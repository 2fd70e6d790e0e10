"""Counts round trips with a proxy between the driver and the server."""

import selectors
import socket
import threading


class Proxy:
    """Forwards data, and counts how often the client sends after the server did."""

    def __init__(self, host, port):
        self.server = (host, port)
        self.turns = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client):
        with client, socket.create_connection(self.server) as server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            last = server
            while True:
                for key, _ in ready.select():
                    try:
                        data = key.fileobj.recv(65536)
                        key.data.sendall(data)
                    except ConnectionError:
                        return
                    if not data:
                        return
                    if key.fileobj is client and last is server:
                        self.turns += 1
                    last = key.fileobj


def round_trips(peer, server, workload):
    """Return round trips per operation: those of many operations minus those of few, to exclude connecting."""
    turns = []
    for number in (10, 110):
        with Proxy(server.host, server.port) as proxy:
            if peer.sample(server.dsn("127.0.0.1", proxy.port), workload.name, number) is None:
                return None
            turns.append(proxy.turns)
    return (turns[1] - turns[0]) / 100
