"""Helpers for scripts: objects that fail or are odd in the same way for every driver."""

import enum
import io


class Failure(Exception):
    """Raised by objects that fail on purpose."""


class Text(str):
    """A str of a class of its own."""


class Number(int):
    """An int of a class of its own."""


class Colour(enum.Enum):
    RED = 1


class Odd:
    """An object that no adapter is registered for."""


class Conforming:
    """It adapts itself, as its `__conform__` says."""

    def __init__(self, quoted, prepare=None):
        self._quoted, self._prepare = quoted, prepare

    def __conform__(self, protocol):
        return self

    def prepare(self, connection):
        if self._prepare == "fail":
            raise Failure("prepare")

    def getquoted(self):
        if self._quoted == "fail":
            raise Failure("getquoted")
        return self._quoted


class FailingSequence:
    """A sequence of arguments whose item at `fails_at` raises."""

    def __init__(self, items, fails_at):
        self._items, self._fails_at = items, fails_at

    def __len__(self):
        return len(self._items)

    def __getitem__(self, index):
        if index == self._fails_at:
            raise Failure("item")
        return self._items[index]


class FailingMapping(dict):
    def __getitem__(self, key):
        raise Failure(f"key {key}")


def generator(items, fails=False):
    """The items one by one, then perhaps a failure."""
    yield from items
    if fails:
        raise Failure("generator")


class FailingFile(io.StringIO):
    """A text file that fails at its call number `at`."""

    def __init__(self, content="", at=1):
        super().__init__(content)
        self._left = at

    def _count(self):
        self._left -= 1
        if self._left < 0:
            raise Failure("file")

    def read(self, size=-1):
        self._count()
        return super().read(min(size, 5))

    def readline(self, size=-1):
        self._count()
        return super().readline(size)

    def write(self, text):
        self._count()
        return super().write(text)


class StrangeFile:
    """A file whose `read` and `write` return wrong values. It ends after two calls."""

    def __init__(self, answer):
        self._answer, self._left = answer, 2

    def read(self, size=-1):
        self._left -= 1
        return self._answer if self._left >= 0 else ""

    readline = read

    def write(self, text):
        return self._answer


class SlowReader:
    """A file that returns one character per call."""

    def __init__(self, content):
        self._content, self._at = content, 0

    def read(self, size=-1):
        piece = self._content[self._at:self._at + 1]
        self._at += 1
        return piece

    readline = read


def raising(*_):
    """A callback that fails."""
    raise Failure("callback")


def upper(value, cursor):
    """A typecaster's function."""
    return None if value is None else value.upper()


def failing_cast(value, cursor):
    raise Failure("cast")


def wait_that_fails(connection):
    """A wait callback that fails at once."""
    raise Failure("wait")


def list_of_rows(cursor):
    """A row factory."""
    return ["row"]


def identity(value):
    return value


def add(one, two):
    return one + two
