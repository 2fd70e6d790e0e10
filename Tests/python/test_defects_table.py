"""docs/defects.md lists only tests that exist, and all tests that are named after a defect."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def table():
    """{defect: names of its tests}"""
    rows = re.findall(r"^\| ([DP]\d+) \|.*\| (.*) \|$", (ROOT / "docs/defects.md").read_text(), re.MULTILINE)
    assert len(dict(rows)) == len(rows)
    return {defect: re.findall(r"`(\w+)`", names) for defect, names in rows}


def python_tests():
    return {name for file in (ROOT / "Tests/python").glob("test_*.py")
            for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)}


def swift_tests():
    return {name for folder in ("Tests", "Tools/Tests") for file in (ROOT / folder).rglob("*.swift")
            for name in re.findall(r"func (\w+)\(", file.read_text())}


def test_every_defect_has_a_test_that_exists():
    assert set(table()) == {f"D{n}" for n in range(1, 31)} | {f"P{n}" for n in range(1, 16)}
    known = python_tests() | swift_tests()
    for defect, names in table().items():
        assert names and set(names) <= known, f"{defect} names {sorted(set(names) - known)}"


def test_every_test_named_after_a_defect_is_in_its_row():
    for name in python_tests():
        found = re.match(r"test_([dp])(\d\d)_", name)
        if found:
            assert name in table()[f"{found[1].upper()}{int(found[2])}"]
