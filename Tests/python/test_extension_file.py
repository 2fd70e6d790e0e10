"""The extension module as a file: its dependencies, its symbols, the cost of importing it."""

import re
import subprocess
import sys
from importlib.metadata import version

import psycopg2
import pytest

FILE = psycopg2._psycopg.__file__

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="reads an ELF file; on a Mac the Swift runtime is the system's")


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


@on_linux
def test_needs_no_swift_runtime():
    libraries = output_of("ldd", FILE)
    assert "libpq.so" in libraries
    assert not re.search(r"swift|dispatch|Foundation|not found", libraries, re.IGNORECASE), libraries


@on_linux
def test_shows_nothing_but_its_entry_points():
    # A linker may list symbols that it made local, to which no other library can bind.
    lines = output_of("nm", "--dynamic", "--defined-only", "--extern-only", FILE).splitlines()
    names = {line.split()[-1] for line in lines}
    assert "PyInit__psycopg" in names
    assert names <= {"PyInit__psycopg", "typecast_BINARY_cast"}


@on_linux
def test_is_stripped():
    assert output_of("nm", FILE).strip() == ""


@pytest.mark.timing
def test_importing_it_takes_less_than_60_ms():
    """CPU time, and the best of five, because the machine may be busy."""
    program = ("import time; before = time.process_time(); import psycopg2; "
               "print(int((time.process_time() - before) * 1e6))")
    assert min(int(output_of(sys.executable, "-c", program)) for _ in range(5)) < 60_000


def test_versions_agree():
    """psycopg2.__version__ begins with the version of the psycopg2 that it behaves as, followed by a space and
    brackets, which Django and SQLAlchemy parse; the distribution's version adds a count to it."""
    behaves_as = re.match(r"(\d+\.\d+\.\d+) \(.*\)$", psycopg2.__version__)
    assert behaves_as, psycopg2.__version__
    assert version("psycopg2-apus").startswith(behaves_as.group(1) + ".")


def test_is_the_installed_wheel():
    assert "site-packages" in FILE
