"""Objects and buffers that the driver uses stay alive, whatever Python code does in between."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ownership
import ownership_of_adapters  # noqa: F401
import ownership_of_connections  # noqa: F401
import ownership_of_rows  # noqa: F401

SCRIPT = Path(ownership.__file__)


@pytest.mark.parametrize("name", ownership.CASES)
def test_what_callbacks_do(dsn, name):
    """In an interpreter of its own, whose allocator overwrites freed memory, so that its use crashes."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", SCRIPT, dsn, name], capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONMALLOC": "debug"})
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Exception ignored" not in done.stderr, done.stderr
