"""Which room imports which: Scripts/check-rooms reports nothing in this repository, and reports each breach of a rule.

The script asks SwiftPM what a manifest declares, which takes a second. Therefore it runs in this process, and SwiftPM
reads the manifest of the packages that the tests write only once.
"""

import importlib.util
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "Scripts" / "check-rooms"

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


@pytest.fixture(scope="module")
def script():
    """Scripts/check-rooms as a module."""
    loader = SourceFileLoader("check_rooms", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    # No __pycache__ beside the script.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


@pytest.fixture(scope="module")
def manifest_as_json(tmp_path_factory):
    """MANIFEST, as SwiftPM reads it."""
    folder = tmp_path_factory.mktemp("rooms")
    (folder / "Package.swift").write_text(MANIFEST)
    return subprocess.run(["swift", "package", "--package-path", str(folder), "dump-package"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


@pytest.fixture
def check(script, manifest_as_json, monkeypatch, capsys):
    """A function that runs the script on a package of the fixture `package`, whose targets are always those of
    MANIFEST; it returns the exit status and the output."""
    def run_swift(command, **_):
        assert command[:2] == ["swift", "package"] and command[-1] == "dump-package"
        return SimpleNamespace(stdout=manifest_as_json)

    def check(root, *options):
        monkeypatch.setattr(script.subprocess, "run", run_swift)
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *options, str(root)])
        status = script.main()
        return SimpleNamespace(returncode=status, stdout=capsys.readouterr().out)

    return check


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
    done = subprocess.run([sys.executable, str(SCRIPT), str(ROOT)], text=True, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout


def test_a_package_that_keeps_the_rules(check, package):
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
def test_a_breach_is_reported(check, package, room, code, complaint):
    root, add = package
    add(f"{room}/File.swift", code)
    done = check(root)
    assert done.returncode == 1
    assert complaint in done.stdout


@pytest.mark.parametrize("code", [
    "public import Synchronization", "// import Foundation", "let text = \"\"\"\nimport Foundation\n\"\"\"",
    "/* import Foundation\nfatalError() */",
])
def test_what_is_allowed_is_not_reported(check, package, code):
    root, add = package
    add("ApusPQ/File.swift", code)
    done = check(root)
    assert done.returncode == 0, done.stdout


def test_what_is_declared_and_not_imported_is_reported(check, package):
    root, add = package
    add("Apus/Client.swift", "import ApusPQ")
    assert "Apus declares ApusValues, but imports nothing of it" in check(root).stdout


def test_folders_that_use_each_other_are_reported(check, package):
    root, add = package
    add("ApusPQ/Low/Ground.swift", "struct Ground {}")
    add("ApusPQ/High/Roof.swift", "struct Roof { let ground: Ground }")
    assert check(root).returncode == 0
    add("ApusPQ/Low/Cellar.swift", "struct Cellar { let roof: Roof }")
    done = check(root)
    assert done.returncode == 1
    assert "the folders High and Low of ApusPQ use each other" in done.stdout


def test_unsafe_flags_are_reported(check, package):
    root, _ = package
    (root / "Package.swift").write_text(
        MANIFEST.replace('name: "ApusValues")', 'name: "ApusValues", swiftSettings: [.unsafeFlags(["-Ounchecked"])])'))
    assert "unsafeFlags" in check(root).stdout


def test_the_picture_is_that_of_the_manifests(check, package):
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
