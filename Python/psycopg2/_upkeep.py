"""What a pool knows of its connections besides whether they are in use: how old they are, how long they were idle, and
whether they still work."""

import random
import time

import psycopg2
from psycopg2 import apus
from psycopg2 import extensions as _ext

# A server that does not answer an empty query for so many seconds is not waited for: there may be others.
CHECK_TIMEOUT = 5.0
# Connections that were opened together do not end together: a lifetime is shorter by up to this part of it.
JITTER = 0.1


class Upkeep:
    """Decides which connections of a pool are fit for use. `clock` and `chance` are there for tests."""

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
        # Whether connections are as good as they look: there is nothing to ask them or the clock.
        self.trusts = self._check is None and self.max_lifetime is None and self.max_idle is None
        # By id(connection).
        self._ends = {}
        self._idle_since = {}

    def opened(self, connection):
        """Note a new connection."""
        if self.trusts:
            return
        if self.max_lifetime is not None:
            self._ends[id(connection)] = self.clock() + self.max_lifetime * (1 - JITTER * self._chance())
        self._idle_since[id(connection)] = self.clock()

    def kept(self, connection):
        """Note that a connection is idle from now on."""
        self._idle_since[id(connection)] = self.clock()

    def forget(self, connection):
        self._ends.pop(id(connection), None)
        self._idle_since.pop(id(connection), None)

    def is_expired(self, connection):
        return self.clock() >= self._ends.get(id(connection), float("inf"))

    def is_stale(self, connection):
        """Whether it was idle for longer than a connection that the pool can do without may be."""
        if self.max_idle is None:
            return False
        return self.clock() >= self._idle_since.setdefault(id(connection), self.clock()) + self.max_idle

    def is_well(self, connection):
        """Whether an idle connection can be handed out."""
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
        """Roll back what a connection left open. False if it is fit for nothing but to be closed."""
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
        raise ValueError(f"{name} is a number of seconds, {'0 or' if least == 0 else ''} more than 0: not {value}")
    return value
