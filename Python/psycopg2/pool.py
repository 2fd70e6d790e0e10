"""Connection pools.

    pool = ThreadedConnectionPool(2, 10, "host=node1,node2 dbname=shop load_balance=true", pool_timeout=3)
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")

By default the pools behave like psycopg2's. These keywords, which are not passed to `connect()`, change that:

- pool_timeout: seconds that `getconn()` waits for a free connection before it raises PoolTimeout. Waiting threads are
  served in order. Without it, PoolError is raised at once. Only for ThreadedConnectionPool.
- pool_check: True checks that the server responds, in one round trip, before a connection is handed out again. A
  callable is called with the connection instead, and raises if it is unusable. Such a connection is replaced.
- pool_max_lifetime: seconds after which a connection that is not in use is replaced. A random part of up to a tenth is
  subtracted, so that connections do not all expire at once.
- pool_max_idle: seconds for which connections beyond `minconn` stay open. Without it, they are closed when they are
  returned. There is no background thread: expired connections are closed at the next use of the pool.

Connections are opened, checked, rolled back and closed while other threads use the pool. A connection that cannot be
rolled back is closed and no longer counted.
"""

import contextlib
import threading
from collections import deque

import psycopg2
from psycopg2._upkeep import Upkeep as _Upkeep
from psycopg2.extensions import TRANSACTION_STATUS_IDLE as _IDLE


class PoolError(psycopg2.Error):
    """The pool is exhausted or closed, or a connection does not belong to it."""


class PoolTimeout(PoolError):
    """No connection became free within `pool_timeout`."""


class _Waiter:
    """A call that waits for a connection."""

    def __init__(self, key):
        self.key = key
        self.changed = None
        self.is_served = False
        # True if the connection can be used at once. Otherwise it must be checked or, if it is None, opened.
        self.is_ready = False
        self.connection = None

    def tell(self):
        if self.changed is not None:
            self.changed.notify()


class AbstractConnectionPool:
    """Base class of the pools.

    - minconn: number of connections that are opened at once and kept open.
    - maxconn: maximum number of open connections.
    - other arguments: those of `connect()`, and the keywords of this module, which begin with `pool_`.

    Raises the errors of `connect()`, and ValueError or TypeError for an invalid keyword of the pool.
    """

    # The lock, if there is one. Slow work is done without it; meanwhile the key is in `_moving` and counts as in use.
    _turn = contextlib.nullcontext()

    def __init__(
        self, minconn, maxconn, *args, pool_timeout=None, pool_check=None, pool_max_lifetime=None, pool_max_idle=None,
        **kwargs,
    ):
        self._upkeep = _Upkeep(pool_timeout, pool_check, pool_max_lifetime, pool_max_idle)
        if pool_timeout is not None and not hasattr(self, "_lock"):
            raise ValueError("pool_timeout needs a ThreadedConnectionPool, where other threads return connections")
        # True if connections need no checks when they are taken or returned.
        self._trusts = self._upkeep.trusts
        self.minconn, self.maxconn = int(minconn), int(maxconn)
        self.closed = False
        self._args, self._kwargs = args, kwargs
        # Idle connections, the longest idle first; connections in use, by key; keys, by id(connection).
        self._pool, self._used, self._rused = [], {}, {}
        # Keys for which a connection is currently being opened, checked or returned.
        self._moving = set()
        self._waiters = deque()
        self._keys = 0
        while len(self._pool) < self.minconn:
            self._connect()

    def _connect(self, key=None):
        """Open and return a connection: in use for `key`, or idle if it is None."""
        connection = psycopg2.connect(*self._args, **self._kwargs)
        self._upkeep.opened(connection)
        if key is None:
            self._pool.append(connection)
        else:
            self._used[key] = connection
            self._rused[id(connection)] = key
        return connection

    def _getkey(self):
        self._keys += 1
        return self._keys

    @contextlib.contextmanager
    def connection(self, key=None):
        """Context manager that takes a connection from the pool and returns it at the end of the block.

        Commits at the end of the block, or rolls back if the block raises. `key` and the errors are those of
        `getconn()`.
        """
        conn = self.getconn(key)
        try:
            yield conn
            conn.commit()
        except BaseException:
            with contextlib.suppress(psycopg2.Error):
                conn.rollback()
            raise
        finally:
            if self.closed:
                conn.close()
            else:
                self.putconn(conn, key)

    # Taking connections

    def _getconn(self, key=None):
        """Take a connection from the pool, or open one, and return it.

        `key` identifies the user of the connection: a second call with the same key returns the same connection.
        Without it, every call returns another connection. Raises PoolError if the pool is closed, or exhausted without
        `pool_timeout`; PoolTimeout if no connection became free in time; and the errors of `connect()`.
        """
        with self._turn:
            if self.closed:
                raise PoolError("connection pool is closed")
            if key is None:
                key = self._getkey()
            elif key in self._used:
                return self._used[key]
            if self._pool and self._trusts and not self._waiters:
                conn = self._used[key] = self._pool.pop()
                self._rused[id(conn)] = key
                return conn
            taken = self._take(key)
        conn = taken.connection
        if taken.is_ready:
            return conn
        try:
            if conn is not None and not self._upkeep.is_well(conn):
                self._end([conn])
                conn = None
            if conn is None:
                # If one idle connection is unusable, others probably are too, so open a new one.
                conn = self._connect(key)
        except BaseException:
            with self._turn:
                self._moving.discard(key)
                conn = self._used.pop(key, conn)
                self._rused.pop(id(conn), None)
                self._serve()
            if conn is not None:
                self._end([conn])
            raise
        with self._turn:
            self._moving.discard(key)
            if not self.closed:
                self._used[key] = conn
                self._rused[id(conn)] = key
                self._serve()
                return conn
        self._end([conn])
        raise PoolError("connection pool is closed")

    def _take(self, key):
        """Wait for a connection and return the _Waiter that received it.

        If it is not ready, `_moving` contains the key.
        """
        waiter = _Waiter(key)
        self._waiters.append(waiter)
        try:
            self._serve()
            if not waiter.is_served and key not in self._moving and self._upkeep.timeout is None:
                raise PoolError("connection pool exhausted")
            self._wait(waiter)
        except BaseException:
            if waiter.is_served:
                self._take_back(waiter)
            else:
                self._waiters.remove(waiter)
            raise
        return waiter

    def _wait(self, waiter):
        if waiter.is_served:
            return
        waiter.changed = threading.Condition(self._lock)
        clock, timeout = self._upkeep.clock, self._upkeep.timeout
        end = None if timeout is None else clock() + timeout
        while not waiter.is_served:
            left = None if end is None else end - clock()
            if left is not None and left <= 0:
                raise PoolTimeout(f"no connection became free within {timeout:g} s")
            waiter.changed.wait(left if left is None else min(left, threading.TIMEOUT_MAX))
            if self.closed:
                raise PoolError("connection pool is closed")

    def _serve(self):
        """Serve the waiters, in order of arrival, as far as connections and places are available."""
        for waiter in list(self._waiters):
            if waiter.key in self._used:
                waiter.connection = self._used[waiter.key]
                waiter.is_ready = True
            elif waiter.key in self._moving:
                continue
            elif self._pool:
                waiter.connection = self._pool.pop()
                self._moving.add(waiter.key)
            elif len(self._used) + len(self._moving) < self.maxconn:
                self._moving.add(waiter.key)
            else:
                continue
            self._waiters.remove(waiter)
            waiter.is_served = True
            waiter.tell()

    def _take_back(self, waiter):
        """Pass the connection or place of a waiter that gave up to the next waiter."""
        if waiter.is_ready:
            return
        self._moving.discard(waiter.key)
        if waiter.connection is not None and not self.closed:
            self._pool.append(waiter.connection)
        self._serve()

    # Returning connections

    def _putconn(self, conn, key=None, close=False):
        """Return a connection to the pool, after rolling back an open transaction.

        - key: the key with which it was taken, if any.
        - close: True closes the connection instead of keeping it.

        A connection that is broken, expired or not needed is closed. Raises PoolError if the pool is closed or the
        connection was not taken from it.
        """
        with self._turn:
            if self.closed:
                raise PoolError("connection pool is closed")
            if key is None:
                key = self._rused.get(id(conn))
            if key is None or self._used.get(key) is not conn:
                raise PoolError("trying to put unkeyed connection")
            del self._used[key]
            del self._rused[id(conn)]
            has_room = len(self._pool) < self.minconn
            if self._trusts and has_room and not close and not self._waiters and conn.get_transaction_status() == _IDLE:
                self._pool.append(conn)
                return
            is_wanted = has_room or self._waiters or self._upkeep.max_idle is not None
            self._moving.add(key)
        is_fit = False
        try:
            is_fit = is_wanted and not close and not self._upkeep.is_expired(conn) and self._upkeep.tidy(conn)
        finally:
            with self._turn:
                self._moving.discard(key)
                ended = []
                if is_fit and not self.closed:
                    self._pool.append(conn)
                    self._upkeep.kept(conn)
                else:
                    ended.append(conn)
                self._serve()
                ended += self._spare()
            self._end(ended)

    def _spare(self):
        """Remove the idle connections that the pool does not need from its list, and return them."""
        spare = []
        if self._upkeep.max_idle is None:
            while len(self._pool) > self.minconn:
                spare.append(self._pool.pop())
        else:
            total = len(self._pool) + len(self._used) + len(self._moving)
            while self._pool and total - len(spare) > self.minconn and self._upkeep.is_stale(self._pool[0]):
                spare.append(self._pool.pop(0))
        return spare

    def _end(self, connections):
        for conn in connections:
            self._upkeep.forget(conn)
            with contextlib.suppress(psycopg2.Error):
                conn.close()

    def _closeall(self):
        """Close all connections, including those in use. Waiting calls of `getconn()` raise PoolError.

        Raises PoolError if the pool is closed already.
        """
        with self._turn:
            if self.closed:
                raise PoolError("connection pool is closed")
            self.closed = True
            for waiter in self._waiters:
                waiter.tell()
            connections = [*self._pool, *self._used.values()]
        self._end(connections)


class SimpleConnectionPool(AbstractConnectionPool):
    """A pool for a single thread."""

    getconn = AbstractConnectionPool._getconn
    putconn = AbstractConnectionPool._putconn
    closeall = AbstractConnectionPool._closeall


class ThreadedConnectionPool(AbstractConnectionPool):
    """A pool that several threads share."""

    def __init__(self, *args, **kwargs):
        self._lock = self._turn = threading.Lock()
        super().__init__(*args, **kwargs)

    getconn = AbstractConnectionPool._getconn
    closeall = AbstractConnectionPool._closeall

    def putconn(self, conn=None, key=None, close=False):
        """Return a connection to the pool: `conn`, or the one taken with `key`. See `_putconn` of the base class."""
        self._putconn(self._used.get(key) if conn is None else conn, key, close)
