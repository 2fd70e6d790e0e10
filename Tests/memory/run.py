"""Runs exercise.py under valgrind's memcheck and judges the errors in which the extension's code has a part.

CPython and libpq have errors and leaks of their own, so a stack counts only if a frame of the extension is in it.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "python"), str(HERE.parent.parent / "Demo")]

from conftest import make_cluster  # noqa: E402

# Memory that lives as long as the process is still reachable at the end.
LEAKS = {"Leak_DefinitelyLost", "Leak_IndirectlyLost"}
IGNORED = {"Leak_PossiblyLost", "Leak_StillReachable"}


def valgrind(dsn, names, report):
    program = [
        "valgrind", "--tool=memcheck", "--leak-check=full", "--show-leak-kinds=definite", "--num-callers=40",
        "--child-silent-after-fork=yes", f"--suppressions={HERE / 'valgrind.supp'}", "--xml=yes",
        f"--xml-file={report}", "--quiet", sys.executable, str(HERE / "exercise.py"), dsn, *names]
    # CPython's own allocator would hide from valgrind where one object ends and the next begins.
    return subprocess.run(program, env={**os.environ, "PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}).returncode


def ours(error):
    """Whether the extension has a part in an error: a frame of it is in one of the stacks."""
    return any("_psycopg." in (frame.findtext("obj") or "") for frame in error.iter("frame"))


def describe(error):
    lines = [error.findtext("what") or error.findtext("xwhat/text") or error.findtext("kind")]
    for stack in error.iter("stack"):
        lines.append("  --")
        for frame in stack.iter("frame"):
            where = frame.findtext("fn") or frame.findtext("ip")
            lines.append(f"  {where}  ({Path(frame.findtext('obj') or '?').name})")
    return "\n".join(lines)


def main(names):
    with tempfile.TemporaryDirectory() as folder, make_cluster(nodes=1) as cluster:
        report = Path(folder) / "report.xml"
        status = valgrind(cluster.dsn(1), names, report)
        found = [error for error in ElementTree.parse(report).getroot().findall("error")]
    bad = [error for error in found if error.findtext("kind") not in IGNORED and ours(error)]
    for error in bad:
        print(describe(error), end="\n\n")
    lost = sum(error.findtext("kind") in LEAKS for error in bad)
    print(f"{len(bad) - lost} errors, {lost} leaks; {len(found) - len(bad)} of others' passed over")
    if status != 0:
        print(f"the program ended with {status}")
    return 1 if bad or status != 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
