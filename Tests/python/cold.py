"""Tests that need a driver which knows no cluster yet."""

import faulthandler
import functools
import os
import select
import signal
import sys
import time
import traceback

import pytest


def cold(test, timeout=90):
    """Runs a test in a child process of its own: a fork's child starts with an empty registry of clusters.

    Fixtures are made and ended in the parent. What the test raises fails it, and so does a crash.
    """
    @functools.wraps(test)
    def run(*arguments, **keywords):
        reader, writer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(reader)
                faulthandler.enable(sys.__stderr__)
                test(*arguments, **keywords)
                status = 0
            except BaseException as error:
                # pytest explains an assertion in its message; the child's frames say where.
                os.write(writer, "".join(traceback.format_exception(type(error), error, error.__traceback__)).encode())
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        os.close(writer)
        report, deadline = b"", time.monotonic() + timeout
        with open(reader, "rb", buffering=0) as stream:
            while select.select([stream], [], [], max(0, deadline - time.monotonic()))[0]:
                part = stream.read(65536)
                if not part:
                    break
                report += part
            else:
                os.kill(child, signal.SIGKILL)
                report += f"no end after {timeout} s".encode()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != 0:
            pytest.fail(f"exit status {status}\n{report.decode(errors='replace')}", pytrace=False)

    return run
