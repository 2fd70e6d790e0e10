"""The README's examples are the files of Examples/, and run as printed, except for the cluster's address.

The Swift example is built and run by Scripts/test-consumer.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()

EXAMPLES = {
    "python": ROOT / "Examples" / "python" / "balanced.py",
    "swift": ROOT / "Examples" / "swift" / "Sources" / "Balanced" / "main.swift",
}


@pytest.mark.parametrize("language", EXAMPLES)
def test_the_readme_prints_the_file(language):
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert blocks == [EXAMPLES[language].read_text()]


def test_the_python_example_runs(three_nodes):
    program = EXAMPLES["python"].read_text()
    assert "127.0.0.1" in program and three_nodes.port == 5433
    done = subprocess.run([sys.executable, "-c", program.replace("127.0.0.1", three_nodes.address(1))],
                          stdout=subprocess.PIPE, text=True, check=True)
    assert Counter(done.stdout.splitlines()) == {f"{address} 42": 2 for address in three_nodes.addresses}


def test_every_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for file in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"`make ([a-z-]+)", (ROOT / file).read_text()))
        assert named <= targets, f"{file} names {named - targets}"


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_is_named_exists(file):
    text = (ROOT / file).read_text()
    named = re.findall(r"\]\(([^)#:]+)\)", text) + re.findall(
        r"`((?:Sources|Tools|Python|Benchmarks|Scripts|Tests|Demo|Examples)/[\w./+-]*)`", text)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
