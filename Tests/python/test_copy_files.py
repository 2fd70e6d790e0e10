"""Files that a COPY TO writes to: data is never lost silently."""

import errno
import io
import os

import psycopg2
import pytest


class Raw(io.RawIOBase):
    """A raw file whose write() returns what the test gives it, and takes that many bytes."""

    def __init__(self, *answers):
        self.answers, self.taken = list(answers), []

    def writable(self):
        return True

    def write(self, data):
        answer = self.answers.pop(0) if self.answers else len(data)
        if type(answer) is int and 0 <= answer <= len(data):
            self.taken.append(bytes(data[:answer]))
        return answer


def test_a_raw_file_that_takes_less_is_given_the_rest(cursor):
    file = Raw(1, 5, True, 2)
    cursor.copy_expert("COPY (SELECT 'abcdefghij' FROM generate_series(1, 3)) TO STDOUT", file)
    assert b"".join(file.taken[:2] + [b"g"] + file.taken[2:]) == b"abcdefghij\n" * 3


@pytest.mark.parametrize("answer, error, message", [
    (None, BlockingIOError, r"returned None: it took none of 33 bytes"), (0, BlockingIOError, "returned 0"),
    (False, BlockingIOError, "returned 0"), (-1, OSError, "returned -1, which is not between 0 and the 33 bytes"),
    (34, OSError, "returned 34"), (2**70, OSError, f"returned {2**70}"), (-2**70, OSError, "returned -"),
    ("33", TypeError, "returned str"), (33.0, TypeError, "returned float")])
@pytest.mark.parametrize("before", [(), (5,)])
def test_a_raw_file_that_does_not_take_all_is_an_error(connection, cursor, answer, error, message, before):
    file = Raw(*before, answer)
    if before:
        message = message.replace("33 bytes", "28 bytes")
    with pytest.raises(error, match=message) as caught:
        cursor.copy_expert("COPY (SELECT 'abcdefghij' FROM generate_series(1, 3)) TO STDOUT", file)
    if error is BlockingIOError:
        assert caught.value.errno == errno.EAGAIN
    assert b"".join(file.taken) == b"abcde"[:sum(before)]
    # The error is the file's, so that the transaction goes on.
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)


def test_a_pipe_that_would_block(cursor):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open(writing, "wb", buffering=0) as file, open(reading, "rb"):
        with pytest.raises(BlockingIOError):
            cursor.copy_expert("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000)) TO STDOUT", file)


def test_what_write_returns_of_other_files_means_nothing(cursor):
    class File:
        def __init__(self, answer):
            self.answer, self.data = answer, b""

        def write(self, data):
            self.data += data
            return self.answer

    for answer in (None, 0, -1, 10**6, "x", 1):
        file = File(answer)
        cursor.copy_expert("COPY (SELECT 1) TO STDOUT", file)
        assert file.data == b"1\n"


def test_a_file_that_closes_the_connection_is_not_read_to_its_end(connection, cursor):
    class Closing:
        reads = 0

        def read(self, size):
            self.reads += 1
            if self.reads == 2:
                connection.close()
            # It never ends.
            return "1\n" * (size // 2) if self.reads < 1000 else ""

    file = Closing()
    cursor.execute("CREATE TEMP TABLE closing (a int)")
    with pytest.raises(psycopg2.OperationalError, match="connection is closed"):
        cursor.copy_from(file, "closing")
    assert connection.closed == 1 and file.reads < 100
