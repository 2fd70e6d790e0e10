"""Runs the same scripts of API calls on psycopg2 and on Apus, and compares everything observable.

    APUS_CLI=... python Tests/conformance/differential.py [--scripts 300] [--seed 1] [--only 7/123]

psycopg2-binary is in an environment of its own, which pip fills when it is first needed. Both drivers use one server,
each with a database and a process of its own, so that a crash or a hang is a difference, too. The scripts are made
from a seed; those of differential/scripts.json, which once showed a difference, run first. Known differences are in
differential/known-differences.ini with their reasons. The run fails for any other difference, and prints the shortest
script that shows it; it also fails if a known difference does not occur any more.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE / "differential"), str(ROOT / "Demo")]

from comparing import KNOWN, KnownDifferences, compare  # noqa: E402
from drivers import Driver, run_both  # noqa: E402
from generator import generate  # noqa: E402
from language import show_script, show_step  # noqa: E402
from local_cluster import LocalCluster, cli_from_environment, free_base_address  # noqa: E402
from shrinking import shrink  # noqa: E402

REFERENCE = "psycopg2-binary~=2.9.10"
KEPT = HERE / "differential" / "scripts.json"


def main():
    options = parse_options()
    # Texts of scripts may have lone surrogates.
    sys.stdout.reconfigure(errors="backslashreplace")
    if options.make_environment:
        print(reference_python())
        return 0
    if options.server:
        return Run(options).all((options.server, 5433, "yugabyte"))
    with local_server() as server:
        return Run(options).all(server)


@contextmanager
def local_server():
    """A plain PostgreSQL: its address, port and user."""
    with LocalCluster(cli_from_environment(), f"differential-{os.getpid()}", nodes=1,
                      base_address=free_base_address(1, 5433, range(61, 64)), options=["--no-yb-servers"]) as server:
        yield server.address(1), server.port, "yugabyte"


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scripts", type=int, default=300, help="how many are made from the seed (300)")
    parser.add_argument("--seed", default="1", help="any word (1)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first script (0)")
    parser.add_argument("--only", action="append", default=[], metavar="SEED/NUMBER",
                        help="this script alone, and what both drivers did in each step")
    parser.add_argument("--script", action="append", type=Path, default=[], help="the same of a file with a script")
    parser.add_argument("--failures", type=int, default=20, help="end after so many kinds of differences (20)")
    parser.add_argument("--python", default=sys.executable, help="that has Apus (this one)")
    parser.add_argument("--reference-python", help="that has psycopg2 (an environment of its own)")
    parser.add_argument("--server", help="the address of a server at port 5433, where none is to be started")
    parser.add_argument("--known", type=Path, default=KNOWN, help="the list of known differences")
    parser.add_argument("--all-differences", action="store_true", help="nothing is known")
    parser.add_argument("--no-shrinking", action="store_true", help="scripts are shown as they are")
    parser.add_argument("--make-environment", action="store_true", help="only make psycopg2's, and print its Python")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "conformance" / "differences.json")
    return parser.parse_args()


def reference_python():
    """The Python of an environment that has psycopg2-binary, made for the version that runs this."""
    folder = ROOT / f".venv-psycopg2-binary-{sys.version_info[0]}.{sys.version_info[1]}"
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.exists() or stamp.read_text() != REFERENCE:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "--only-binary", ":all:", REFERENCE], check=True)
        stamp.write_text(REFERENCE)
    return python


class Run:
    """All scripts of one run of this program, and their results."""

    def __init__(self, options):
        self._options = options
        self._known = KnownDifferences(None if options.all_differences else options.known)
        self._single = bool(options.only or options.script)
        self._count, self._differing, self._told, self._failures = 0, 0, set(), []

    def all(self, server):
        start = time.monotonic()
        reference = self._options.reference_python or reference_python()
        with Driver("psycopg2", reference, server, "differential_1") as one, \
                Driver("Apus", self._options.python, server, "differential_2") as other:
            print(f"    psycopg2 {one.version}; Apus {other.version}")
            for script in self._scripts():
                self._count += 1
                self._compare((one, other), script)
                if len(self._failures) >= self._options.failures:
                    print(f"    {len(self._failures)} kinds of differences: that is enough")
                    break
        self._keep()
        known = self._known
        seconds = time.monotonic() - start
        print(f"{self._count} scripts in {seconds:.0f} s: {self._differing} differ in what is not known, of"
              f" {len(self._failures)} kinds; known: {sum(known.used.values())} times, "
              f"{len(known.used)} of {len(known.all)} entries")
        return 1 if self._report_unused() or self._failures else 0

    def _scripts(self):
        """The scripts of --only or --script; otherwise those that once showed a difference, and those of the seed."""
        options = self._options
        if self._single:
            yield from (json.loads(path.read_text()) for path in options.script)
            for seed, _, number in (each.rpartition("/") for each in options.only):
                yield generate(seed, int(number))
            return
        for title, steps in json.loads(KEPT.read_text()).items():
            yield {"title": title, "steps": steps}
        for number in range(options.first, options.first + options.scripts):
            yield generate(options.seed, number)

    def _compare(self, drivers, script):
        seen = run_both(drivers, script)
        verdict = compare(script, *seen, self._known, show_step)
        if self._single:
            show_observations(script, seen)
        if not verdict:
            return
        self._differing += 1
        if verdict.classes <= self._told:
            return
        self._told |= verdict.classes
        short = script
        if not self._options.no_shrinking:
            short, verdict = shortest(drivers, script, verdict, self._known)
        self._told |= verdict.classes
        self._failures.append({"title": script["title"], "script": short, "differences": [
            [each.kind, each.what, each.reference, each.subject] for each in verdict.told]})
        report(script, short, verdict)

    def _keep(self):
        self._options.output.parent.mkdir(parents=True, exist_ok=True)
        self._options.output.write_text(json.dumps(self._failures, indent=1))

    def _report_unused(self):
        """The number of known differences that should have occurred but did not."""
        if self._single or len(self._failures) >= self._options.failures:
            return 0
        unused = [each for each in self._known.unused() if not each.sometimes]
        for each in unused:
            print(f"    no script showed [{each.name}]: take it out of {self._options.known.name}, if it is mended")
        return len(unused)


def shortest(drivers, script, verdict, known):
    """The shortest script that still shows one of the differences, and its verdict."""
    wanted, found = verdict.classes, {"shown": verdict}

    def shows(shorter):
        seen = run_both(drivers, shorter)
        shown = compare(shorter, *seen, known, show_step)
        if shown.classes & wanted:
            found["shown"] = shown
            return True
        return False

    short = shrink({**script, "steps": script["steps"][:verdict.step + 1]}, shows)
    return short, found["shown"]


def report(script, short, verdict):
    print(f"  DIFFERENT: {script['title']} ({len(script['steps'])} steps, {len(short['steps'])} after shrinking)")
    print(show_script(short, verdict.step))
    for each in verdict.told[:12]:
        print(f"      {each}")
    if len(verdict.told) > 12:
        print("      and more: " + ", ".join(each.what for each in verdict.told[12:]))
    if verdict.note:
        print("      " + verdict.note.replace("\n", "\n      "))
    print("      " + json.dumps(short))
    sys.stdout.flush()


def show_observations(script, seen):
    for number, pair in enumerate(zip(*seen)):
        step = show_step(script["steps"][number]) if number < len(script["steps"]) else "the end"
        print(f"  {number:2} {step}")
        for name, each in zip(("psycopg2", "Apus"), pair):
            print(f"       {name:8} {json.dumps(each['outcome'], ensure_ascii=False)}")


if __name__ == "__main__":
    sys.exit(main())
