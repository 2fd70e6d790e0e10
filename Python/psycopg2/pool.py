"""Pools of connections."""

import threading

import psycopg2
from psycopg2 import extensions as _ext


class PoolError(psycopg2.Error):
    """The pool is exhausted or closed, or the connection is not the pool's."""


class AbstractConnectionPool:
    """What the pools have in common. `minconn` connections are opened at once; what follows goes to `connect()`."""

    def __init__(self, minconn, maxconn, *args, **kwargs):
        self.minconn = int(minconn)
        self.maxconn = int(maxconn)
        self.closed = False
        self._args = args
        self._kwargs = kwargs
        self._pool = []
        self._used = {}
        self._rused = {}
        self._keys = 0
        for _ in range(self.minconn):
            self._connect()

    def _connect(self, key=None):
        connection = psycopg2.connect(*self._args, **self._kwargs)
        if key is None:
            self._pool.append(connection)
        else:
            self._used[key] = connection
            self._rused[id(connection)] = key
        return connection

    def _getkey(self):
        self._keys += 1
        return self._keys

    def _getconn(self, key=None):
        if self.closed:
            raise PoolError("connection pool is closed")
        if key is None:
            key = self._getkey()
        if key in self._used:
            return self._used[key]
        if self._pool:
            connection = self._used[key] = self._pool.pop()
            self._rused[id(connection)] = key
            return connection
        if len(self._used) >= self.maxconn:
            raise PoolError("connection pool exhausted")
        return self._connect(key)

    def _putconn(self, conn, key=None, close=False):
        if self.closed:
            raise PoolError("connection pool is closed")
        if key is None:
            key = self._rused.get(id(conn))
            if key is None:
                raise PoolError("trying to put unkeyed connection")
        if len(self._pool) < self.minconn and not close:
            self._keep(conn)
        else:
            conn.close()
        # The pool may have been closed while the connection was rolled back.
        if not self.closed or key in self._used:
            del self._used[key]
            del self._rused[id(conn)]

    def _keep(self, conn):
        """Take a connection back without its transaction; one that is broken or unknown is closed."""
        if conn.closed:
            return
        status = conn.info.transaction_status
        if status == _ext.TRANSACTION_STATUS_UNKNOWN:
            conn.close()
        else:
            if status != _ext.TRANSACTION_STATUS_IDLE:
                conn.rollback()
            self._pool.append(conn)

    def _closeall(self):
        if self.closed:
            raise PoolError("connection pool is closed")
        for conn in [*self._pool, *self._used.values()]:
            try:
                conn.close()
            except psycopg2.Error:
                pass
        self.closed = True


class SimpleConnectionPool(AbstractConnectionPool):
    """A pool for one thread."""

    getconn = AbstractConnectionPool._getconn
    putconn = AbstractConnectionPool._putconn
    closeall = AbstractConnectionPool._closeall


class ThreadedConnectionPool(AbstractConnectionPool):
    """A pool that threads share."""

    def __init__(self, minconn, maxconn, *args, **kwargs):
        self._lock = threading.Lock()
        super().__init__(minconn, maxconn, *args, **kwargs)

    def getconn(self, key=None):
        """Return a free connection; PoolError if there is none and no more may be opened."""
        with self._lock:
            return self._getconn(key)

    def putconn(self, conn=None, key=None, close=False):
        """Give a connection back."""
        with self._lock:
            self._putconn(conn=conn, key=key, close=close)

    def closeall(self):
        """Close all connections, those in use too."""
        with self._lock:
            self._closeall()
