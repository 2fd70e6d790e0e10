"""Who imports whom: Scripts/check-rooms has no complaint about this repository, and one about each breach of a rule."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MANIFEST = """// swift-tools-version:6.2
import PackageDescription
let package = Package(name: "rooms", targets: [
    .target(name: "ApusWaiting"),
    .target(name: "ApusValues"),
    .target(name: "ApusPQ", dependencies: ["ApusWaiting"]),
    .target(name: "Apus", dependencies: ["ApusPQ", "ApusValues"]),
    .target(name: "ApusPsycopg", dependencies: ["ApusPQ"]),
])
"""
FILES = {
    "ApusWaiting/Wait.swift": "public struct Wait {}",
    "ApusValues/Value.swift": "public struct Value {}",
    "ApusPQ/Connection.swift": "import ApusWaiting\npublic struct Connection {}",
    "Apus/Client.swift": "import ApusPQ\nimport ApusValues\nstruct Client {}",
    "ApusPsycopg/Cursor.swift": "import ApusPQ\nstruct Cursor {}",
}


def check(root, *options):
    return subprocess.run([sys.executable, str(ROOT / "Scripts" / "check-rooms"), *options, str(root)], text=True,
                          stdout=subprocess.PIPE)


@pytest.fixture
def package(tmp_path):
    """A package that keeps the rules, and a function that adds a file to it."""
    (tmp_path / "Package.swift").write_text(MANIFEST)

    def add(path, code):
        file = tmp_path / "Sources" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code + "\n")
    for path, code in FILES.items():
        add(path, code)
    return tmp_path, add


def test_this_repository_keeps_the_rules():
    done = check(ROOT)
    assert done.returncode == 0, done.stdout


def test_a_package_that_keeps_the_rules(package):
    done = check(package[0])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("room, code, complaint", [
    ("ApusValues", "import Foundation", "ApusValues imports Foundation, but may not"),
    ("ApusValues", "public import ApusPQ", "ApusValues imports ApusPQ, but does not declare it"),
    ("Apus", "import ApusWaiting", "Apus imports ApusWaiting, but does not declare it"),
    ("ApusPQ", "internal import struct Foundation.Data", "ApusPQ imports Foundation, but may not"),
    ("ApusPQ", "@preconcurrency import Glibc", "ApusPQ imports Glibc, but may not"),
    ("ApusPsycopg", "func f() async { await g() }", "ApusPsycopg may not use Swift concurrency"),
    ("ApusPQ", "let state = Mutex(0)", "ApusPQ may not use Mutex"),
    ("ApusPQ", "if broken { fatalError(\"broken\") }", "a trap"),
    ("Elsewhere", "import Swift", "no target of Package.swift"),
])
def test_a_breach_is_reported(package, room, code, complaint):
    root, add = package
    add(f"{room}/File.swift", code)
    done = check(root)
    assert done.returncode == 1
    assert complaint in done.stdout


@pytest.mark.parametrize("code", [
    "public import Synchronization", "// import Foundation", "let text = \"\"\"\nimport Foundation\n\"\"\"",
    "/* import Foundation\nfatalError() */",
])
def test_what_is_allowed_is_not_reported(package, code):
    root, add = package
    add("ApusPQ/File.swift", code)
    done = check(root)
    assert done.returncode == 0, done.stdout


def test_what_is_declared_and_not_imported_is_reported(package):
    root, add = package
    add("Apus/Client.swift", "import ApusPQ")
    assert "Apus declares ApusValues, but imports nothing of it" in check(root).stdout


def test_folders_that_use_each_other_are_reported(package):
    root, add = package
    add("ApusPQ/Low/Ground.swift", "struct Ground {}")
    add("ApusPQ/High/Roof.swift", "struct Roof { let ground: Ground }")
    assert check(root).returncode == 0
    add("ApusPQ/Low/Cellar.swift", "struct Cellar { let roof: Roof }")
    done = check(root)
    assert done.returncode == 1
    assert "the folders High and Low of ApusPQ use each other" in done.stdout


def test_unsafe_flags_are_reported(package):
    root, _ = package
    (root / "Package.swift").write_text(
        MANIFEST.replace('name: "ApusValues")', 'name: "ApusValues", swiftSettings: [.unsafeFlags(["-Ounchecked"])])'))
    assert "unsafeFlags" in check(root).stdout


def test_the_picture_is_that_of_the_manifests(package):
    root, _ = package
    guide = root / "CONTRIBUTING.md"
    guide.write_text("<!-- The rooms: Scripts/check-rooms --draw -->\n<!-- The end of the rooms -->\nThe end.\n")
    assert "the picture of the rooms is not that of the manifests" in check(root).stdout
    assert check(root, "--draw").returncode == 0
    assert check(root).returncode == 0
    assert guide.read_text() == """<!-- The rooms: Scripts/check-rooms --draw -->
```
2  Apus         ApusPQ, ApusValues
   ApusPsycopg  ApusPQ
1  ApusPQ       ApusWaiting
0  ApusValues
   ApusWaiting
```
<!-- The end of the rooms -->
The end.
"""
