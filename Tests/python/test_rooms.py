"""Who imports whom: Scripts/check-rooms says nothing of this package, and something of a package that breaks a rule."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def check(root):
    return subprocess.run([sys.executable, str(ROOT / "Scripts" / "check-rooms"), str(root)], text=True,
                          stdout=subprocess.PIPE)


def test_this_package_keeps_the_rules():
    done = check(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("room, code, complaint", [
    ("ApusCluster", "import Foundation", "ApusCluster may not import Foundation"),
    ("ApusValues", "public import ApusPQ", "ApusValues may not import ApusPQ"),
    ("ApusConnector", "@preconcurrency import CApusPython", "ApusConnector may not import CApusPython"),
    ("ApusConnector", "internal import struct Foundation.Data", "ApusConnector may not import Foundation"),
    ("Apus", "import ApusPsycopg", "Apus may not import ApusPsycopg"),
    ("ApusPsycopg", "func f() async { await g() }", "ApusPsycopg may not use Swift concurrency"),
    ("ApusConnector", "let state = Mutex(0)", "ApusConnector may not use Mutex"),
    ("ApusPQ", "if broken { fatalError(\"broken\") }", "a trap"),
    ("Elsewhere", "import Swift", "a room that Scripts/check-rooms and CONTRIBUTING.md do not know"),
])
def test_a_breach_is_reported(tmp_path, room, code, complaint):
    package(tmp_path, room, code)
    done = check(tmp_path)
    assert done.returncode == 1
    assert complaint in done.stdout


def test_unsafe_flags_are_reported(tmp_path):
    package(tmp_path, "ApusPQ", "import CApusLibPQ")
    (tmp_path / "Package.swift").write_text(".target(name: \"a\", cSettings: [.unsafeFlags([\"-O3\"])])")
    assert "unsafeFlags" in check(tmp_path).stdout


@pytest.mark.parametrize("code", [
    "import CApusLibPQ", "public import Synchronization", "// import Foundation",
    "let text = \"\"\"\nimport Foundation\n\"\"\"",
    "/* import Foundation\nfatalError() */",
])
def test_what_is_allowed_is_not_reported(tmp_path, code):
    package(tmp_path, "ApusPQ", code)
    done = check(tmp_path)
    assert done.returncode == 0, done.stdout


def package(root, room, code):
    (root / "Package.swift").write_text("// no flags\n")
    folder = root / "Sources" / room
    folder.mkdir(parents=True)
    (folder / "File.swift").write_text(code + "\n")
