"""Pools of connections.

They are psycopg2's; what they can do beyond is asked for by keywords of their own, which begin with `pool_` and are
not passed on to `connect()`. Without them nothing differs:

- `pool_timeout`: how many seconds `getconn()` waits when the pool is exhausted, before it raises PoolTimeout. Who came
  first is served first. Without it, PoolError is raised at once. For ThreadedConnectionPool only.
- `pool_check`: True asks each connection's server for a sign of life, one round trip, before it is handed out again;
  a callable is called with the connection instead, and raises if it is no good. One that is no good is replaced.
- `pool_max_lifetime`: how many seconds after it was opened a connection is replaced, when it is not in use. Up to a
  tenth less, by chance, so that not all are replaced at once.
- `pool_max_idle`: how many seconds a connection beyond `minconn` is kept for who comes next; without it, it is closed
  when it is given back. The pool has no thread: it looks when it is used.

Connections are opened, checked, rolled back and closed while other threads use the pool. What cannot be rolled back is
closed and no longer counted.
"""

import contextlib
import threading
from collections import deque

import psycopg2
from psycopg2._upkeep import Upkeep as _Upkeep
from psycopg2.extensions import TRANSACTION_STATUS_IDLE as _IDLE


class PoolError(psycopg2.Error):
    """The pool is exhausted or closed, or the connection is not the pool's."""


class PoolTimeout(PoolError):
    """No connection became free within `pool_timeout`."""


class _Waiter:
    """Somebody who waits for a connection."""

    def __init__(self, key):
        self.key = key
        self.changed = None
        self.is_served = False
        # Whether it may be used as it is; if not, it is to be checked or, if it is None, opened.
        self.is_ready = False
        self.connection = None

    def tell(self):
        if self.changed is not None:
            self.changed.notify()


class AbstractConnectionPool:
    """What the pools have in common. `minconn` connections are opened at once, `maxconn` may be open at a time; what
    follows goes to `connect()`, but for the keywords that this module's documentation lists."""

    # What is slow is done without it; meanwhile the key is in `_moving`, and counts as in use.
    _turn = contextlib.nullcontext()

    def __init__(
        self, minconn, maxconn, *args, pool_timeout=None, pool_check=None, pool_max_lifetime=None, pool_max_idle=None,
        **kwargs,
    ):
        self._upkeep = _Upkeep(pool_timeout, pool_check, pool_max_lifetime, pool_max_idle)
        if pool_timeout is not None and not hasattr(self, "_lock"):
            raise ValueError("pool_timeout is for pools that threads share: nobody else could return a connection")
        # Whether nothing need be asked of a connection that is given back or taken.
        self._trusts = self._upkeep.trusts
        self.minconn, self.maxconn = int(minconn), int(maxconn)
        self.closed = False
        self._args, self._kwargs = args, kwargs
        # The idle ones, the longest idle first; those in use, by key; their keys, by id(connection).
        self._pool, self._used, self._rused = [], {}, {}
        # Keys for which a connection is being opened, checked or given back just now.
        self._moving = set()
        self._waiters = deque()
        self._keys = 0
        while len(self._pool) < self.minconn:
            self._connect()

    def _connect(self, key=None):
        """Open a connection: for the user of that key, or to be idle."""
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
        """A connection for a block, given back in every case: committed, or rolled back if the block raises."""
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

    # Out

    def _getconn(self, key=None):
        """Return a connection that is free, or a new one; the one that `key` has already. Raises PoolError if there is
        none and no more may be opened, PoolTimeout if none came free in time."""
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
                # One that is no good says nothing good of the others: a new one is what the caller can count on.
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
        """Wait for a connection, and return the _Waiter that was served with it. If it is not ready, the key is in
        `_moving` from now on."""
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
        """Give those who wait what they wait for, in the order in which they came."""
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
        """What was given to somebody who went away goes to the next."""
        if waiter.is_ready:
            return
        self._moving.discard(waiter.key)
        if waiter.connection is not None and not self.closed:
            self._pool.append(waiter.connection)
        self._serve()

    # In

    def _putconn(self, conn, key=None, close=False):
        """Take a connection back: without its transaction, or closed if the pool can do without it or it is no good."""
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
        """Take the idle connections off the list that the pool can do without."""
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
        """Close all connections, those in use too, and wake up who waits for one: PoolError."""
        with self._turn:
            if self.closed:
                raise PoolError("connection pool is closed")
            self.closed = True
            for waiter in self._waiters:
                waiter.tell()
            connections = [*self._pool, *self._used.values()]
        self._end(connections)


class SimpleConnectionPool(AbstractConnectionPool):
    """A pool for one thread."""

    getconn = AbstractConnectionPool._getconn
    putconn = AbstractConnectionPool._putconn
    closeall = AbstractConnectionPool._closeall


class ThreadedConnectionPool(AbstractConnectionPool):
    """A pool that threads share."""

    def __init__(self, *args, **kwargs):
        self._lock = self._turn = threading.Lock()
        super().__init__(*args, **kwargs)

    getconn = AbstractConnectionPool._getconn
    closeall = AbstractConnectionPool._closeall

    def putconn(self, conn=None, key=None, close=False):
        """Take a connection back; of a key, the one that it has."""
        self._putconn(self._used.get(key) if conn is None else conn, key, close)
