"""Scripts/check-arithmetic reports nothing in this package, and reports an expression that may trap on overflow."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE = "Sources/ApusValues/Text/File.swift"


def check(root, *arguments):
    command = [sys.executable, str(ROOT / "Scripts" / "check-arithmetic"), *arguments, str(root)]
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def package(root, code, checked=""):
    (root / "Scripts").mkdir()
    (root / "Scripts" / "checked-arithmetic.txt").write_text(checked)
    (root / FILE).parent.mkdir(parents=True)
    (root / FILE).write_text(code + "\n")
    return root


def test_this_package_has_no_unchecked_arithmetic():
    done = check(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("code", [
    "let a = b + c", "let a = b - c", "let a = b * c", "a += b", "a -= b", "a *= b", "let a = -b", "f(-b, 1)",
    "return -(b)", "let a = Int32(b)", "let a = UInt8(b + 1)", "let a = text == \"+\" ? b * c : 0", "    + c",
])
def test_an_unchecked_expression_is_reported(tmp_path, code):
    done = check(package(tmp_path, code))
    assert done.returncode == 1 and f"{FILE}: may overflow" in done.stdout
    assert "WHY" in check(tmp_path, "--missing").stdout


@pytest.mark.parametrize("code", [
    "let a = b &+ c", "a &+= b", "let a = b &- c &* d", "let a = -1", "f(-1)", "let a = b / c", "// a + b",
    "/* a + b */",
    "let a = \"b + c\"", "let a = \"\"\"\na + b\n\"\"\"", "func f() -> Int { 0 }", "static func + (a: A, b: A) -> A {",
    "let a = Int32(exactly: b)", "let a = UInt32(truncatingIfNeeded: b)", "let a = UInt8(ascii: \"x\")",
    "let a = Int32(7)",
    "let (a, overflow) = b.addingReportingOverflow(c)", "for a in 0..<b {}",
])
def test_what_cannot_trap_is_not_reported(tmp_path, code):
    done = check(package(tmp_path, code))
    assert done.returncode == 0, done.stdout


def test_an_entry_covers_as_many_lines_as_it_says(tmp_path):
    entry = f"{FILE}\n  A reason.\n    2  a += b\n"
    assert check(package(tmp_path, "a += b\na  +=  b  // text", entry)).returncode == 0
    (tmp_path / FILE).write_text("a += b\na += b\na += b\n")
    assert "(1 times): a += b" in check(tmp_path).stdout
    (tmp_path / FILE).write_text("a += b\n")
    assert "no longer has this (1 times): a += b" in check(tmp_path).stdout


@pytest.mark.parametrize("entry", ["    1  a += b\n", "  A reason.\n    1  a += b\n", f"{FILE}\n    1  a += b\n"])
def test_an_entry_needs_a_file_and_a_reason(tmp_path, entry):
    assert check(package(tmp_path, "a += b", entry)).returncode != 0
