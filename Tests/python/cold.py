"""Child processes: for tests that need a driver which knows no cluster yet, and for tests of forks themselves."""

import faulthandler
import functools
import os
import select
import signal
import sys
import time
import traceback

import pytest


def fork(function, timeout):
    """Runs a function in a forked child. Returns the child's exit status and the text that the function returned or the
    traceback of its exception. Status 1 means an exception, a negative status the signal that ended the child."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            faulthandler.enable(sys.__stderr__)
            os.write(writer, str(function()).encode())
            status = 0
        except BaseException as error:
            os.write(writer, "".join(traceback.format_exception(type(error), error, error.__traceback__)).encode())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    os.close(writer)
    text, deadline = b"", time.monotonic() + timeout
    with open(reader, "rb", buffering=0) as stream:
        while select.select([stream], [], [], max(0, deadline - time.monotonic()))[0]:
            part = stream.read(65536)
            if not part:
                break
            text += part
        else:
            os.kill(child, signal.SIGKILL)
            text += f"\nno end after {timeout} s".encode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text.decode(errors="replace")


def in_child(function, timeout=20):
    """Runs a function in a forked child; returns its result as text."""
    status, text = fork(function, timeout)
    assert status == 0, f"exit status {status}\n{text}"
    return text


def cold(test, timeout=90):
    """Runs a test in a child process of its own: a fork's child starts with an empty registry of clusters.

    Fixtures are set up and torn down in the parent. An exception in the child fails the test, and so does a crash.
    """
    @functools.wraps(test)
    def run(*arguments, **keywords):
        status, text = fork(lambda: test(*arguments, **keywords), timeout)
        if status != 0:
            pytest.fail(f"exit status {status}\n{text}", pytrace=False)

    return run
