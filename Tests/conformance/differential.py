"""Runs the same scripts of API calls on psycopg2 and on Apus, and compares all that is to be seen.

    APUS_CLI=... python Tests/conformance/differential.py [--scripts 300] [--seed 1] [--only 7/123] [--script FILE]

psycopg2-binary is in an environment of its own, which pip fills when it is first needed. Both drivers use one server, each
a database of its own; each is a process, so that a crash or a hang is a difference, too. The scripts are made from the
seed; those in differential/scripts run with them. What is known to differ is in differential/known-differences.ini with
its reason. The run fails where anything else differs, and prints the shortest script that shows it.
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

from comparing import KnownDifferences, compare  # noqa: E402
from drivers import Driver, run_both  # noqa: E402
from generator import generate  # noqa: E402
from language import show_script, show_step  # noqa: E402
from local_cluster import LocalCluster, cli_from_environment, free_base_address  # noqa: E402
from shrinking import shrink  # noqa: E402

REFERENCE = "psycopg2-binary~=2.9.13"


def main():
    options = parse_options()
    known = KnownDifferences(None if options.all_differences else options.known)
    if options.server:
        return run(options, known, (options.server, 5433, "yugabyte"))
    with local_server() as server:
        return run(options, known, server)


@contextmanager
def local_server():
    """A plain PostgreSQL: its address, port and user."""
    address = free_base_address(1, 5433, range(61, 64))
    with LocalCluster(cli_from_environment(), f"differential-{os.getpid()}", nodes=1, base_address=address,
                      options=["--no-yb-servers"]) as server:
        yield server.address(1), server.port, "yugabyte"


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scripts", type=int, default=300, help="how many are made from the seed (300)")
    parser.add_argument("--seed", default="1", help="any word (1)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first script (0)")
    parser.add_argument("--only", action="append", help="SEED/NUMBER: this script alone, with all its observations")
    parser.add_argument("--script", action="append", type=Path, help="a file with a script: this one alone")
    parser.add_argument("--failures", type=int, default=20, help="after so many kinds of differences, end (20)")
    parser.add_argument("--python", default=sys.executable, help="of Apus (this one)")
    parser.add_argument("--reference-python", help="of psycopg2 (an environment that is made)")
    parser.add_argument("--server", help="the address of a running server at port 5433, where none is to be started")
    parser.add_argument("--known", type=Path, default=HERE / "differential" / "known-differences.ini")
    parser.add_argument("--all-differences", action="store_true", help="nothing is known")
    parser.add_argument("--no-shrinking", action="store_true")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "conformance" / "differences.json")
    return parser.parse_args()


def reference_python(options):
    """An environment that has psycopg2-binary, made for the Python version that this one has."""
    if options.reference_python:
        return options.reference_python
    folder = ROOT / f".venv-psycopg2-binary-{sys.version_info[0]}.{sys.version_info[1]}"
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != REFERENCE:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REFERENCE], check=True)
        stamp.write_text(REFERENCE)
    return python


def scripts_of(options):
    """The scripts that are to run, those with a history first."""
    if options.script:
        for path in options.script:
            yield json.loads(path.read_text())
    elif options.only:
        for each in options.only:
            seed, _, number = each.rpartition("/")
            yield generate(seed, int(number))
    else:
        for path in sorted((HERE / "differential" / "scripts").glob("*.json")):
            yield {"title": path.stem, **json.loads(path.read_text())}
        for number in range(options.first, options.first + options.scripts):
            yield generate(options.seed, number)


def run(options, known, server):
    start, count, differing, failures, told = time.monotonic(), 0, 0, [], set()
    single = bool(options.only or options.script)
    with Driver("psycopg2", reference_python(options), server, "differential_1") as reference, \
            Driver("Apus", options.python, server, "differential_2") as subject:
        drivers = (reference, subject)
        print(f"    psycopg2 {reference.version}; Apus {subject.version}")
        for script in scripts_of(options):
            count += 1
            seen = run_both(drivers, script)
            verdict = compare(script, *seen, known, show_step)
            if single:
                show_observations(script, seen)
            if not verdict:
                continue
            differing += 1
            if verdict.classes <= told:
                continue
            told |= verdict.classes
            short = script
            if not options.no_shrinking:
                short, verdict = shortest(drivers, script, verdict, known)
            told |= verdict.classes
            failures.append({"title": script["title"], "script": short, "differences": [
                [each.kind, each.what, each.reference, each.subject] for each in verdict.told]})
            report(script, short, verdict)
            if len(failures) >= options.failures:
                print(f"    {options.failures} kinds of differences: that is enough")
                break
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(failures, indent=1))
    whole = not single and len(failures) < options.failures
    print(f"{count} scripts in {time.monotonic() - start:.0f} s: {differing} differ in what is not known, of {len(failures)} kinds; "
          f"known: {sum(known.used.values())} times, {len(known.used)} of {len(known.all)} entries")
    unused = known.unused() if whole else []
    for each in unused:
        print(f"    no script needed this entry of {options.known.name}: [{each.name}]")
    return 1 if failures else 0


def shortest(drivers, script, verdict, known):
    """The script without what is not needed to show one of the differences, and its verdict."""
    wanted, found = verdict.classes, {"shown": verdict}

    def shows(shorter):
        seen = run_both(drivers, shorter)
        found["verdict"] = compare(shorter, *seen, known, show_step)
        if not found["verdict"].classes & wanted:
            return False
        found["shown"] = found["verdict"]
        return True

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
    print("      " + json.dumps(short, ensure_ascii=False))
    sys.stdout.flush()


def show_observations(script, seen):
    for number, pair in enumerate(zip(*seen)):
        step = show_step(script["steps"][number]) if number < len(script["steps"]) else "the end"
        print(f"  {number:2} {step}")
        for name, each in zip(("psycopg2", "Apus"), pair):
            print(f"       {name:8} {json.dumps(each['outcome'], ensure_ascii=False)}")


if __name__ == "__main__":
    sys.exit(main())
