"""The state of pooled connections besides whether they are in use: their age, idle time and health."""

import random
import time

import psycopg2
from psycopg2 import apus
from psycopg2 import extensions as _ext

# Seconds to wait for the answer to an empty query. After that, the pool connects to another node.
CHECK_TIMEOUT = 5.0
# Lifetimes are shortened by a random part of up to this fraction, so that connections do not all expire at once.
JITTER = 0.1


class Upkeep:
    """Decides which connections of a pool can be used.

    Arguments are the pool's: `timeout`, `max_lifetime` and `max_idle` in seconds or None, and `check`, True or a
    callable. `clock` and `chance` are replaced in tests. Raises TypeError and ValueError for invalid values.
    """

    def __init__(self, timeout, check, max_lifetime, max_idle, clock=time.monotonic, chance=random.random):
        self.timeout = _seconds("pool_timeout", timeout, least=0)
        self.max_lifetime = _seconds("pool_max_lifetime", max_lifetime)
        self.max_idle = _seconds("pool_max_idle", max_idle)
        if check is True:
            limit = CHECK_TIMEOUT if not self.timeout else min(CHECK_TIMEOUT, self.timeout)
            self._check = lambda connection: apus.ping(connection, limit)
        elif check is None or check is False or callable(check):
            self._check = check or None
        else:
            raise TypeError("pool_check must be True, or a callable that takes a connection")
        self.clock = clock
        self._chance = chance
        # True if connections are used without checks, so neither the server nor the clock is asked.
        self.trusts = self._check is None and self.max_lifetime is None and self.max_idle is None
        # Both are keyed by id(connection).
        self._ends = {}
        self._idle_since = {}

    def opened(self, connection):
        """Record that the connection was opened now."""
        if self.trusts:
            return
        if self.max_lifetime is not None:
            self._ends[id(connection)] = self.clock() + self.max_lifetime * (1 - JITTER * self._chance())
        self._idle_since[id(connection)] = self.clock()

    def kept(self, connection):
        """Record that the connection became idle now."""
        self._idle_since[id(connection)] = self.clock()

    def forget(self, connection):
        """Remove all records of the connection."""
        self._ends.pop(id(connection), None)
        self._idle_since.pop(id(connection), None)

    def is_expired(self, connection):
        """Return True if the connection is older than its lifetime."""
        return self.clock() >= self._ends.get(id(connection), float("inf"))

    def is_stale(self, connection):
        """Return True if the connection was idle for more than `max_idle` seconds."""
        if self.max_idle is None:
            return False
        return self.clock() >= self._idle_since.setdefault(id(connection), self.clock()) + self.max_idle

    def is_well(self, connection):
        """Return True if an idle connection is open, not expired, and passes the check."""
        if connection.closed or self.is_expired(connection):
            return False
        if self._check is None:
            return True
        try:
            self._check(connection)
            return self.tidy(connection)
        except Exception:
            return False

    def tidy(self, connection):
        """Roll back an open transaction. Return False if the connection is unusable and must be closed."""
        if connection.closed:
            return False
        status = connection.info.transaction_status
        if status == _ext.TRANSACTION_STATUS_UNKNOWN:
            return False
        if status != _ext.TRANSACTION_STATUS_IDLE:
            try:
                connection.rollback()
            except psycopg2.Error:
                return False
        return not connection.closed


def _seconds(name, value, least=None):
    if value is None:
        return None
    value = float(value)
    if not (value >= 0 if least == 0 else value > 0):
        raise ValueError(f"{name} must be {'at least' if least == 0 else 'more than'} 0 seconds, not {value}")
    return value
