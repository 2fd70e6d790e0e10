"""Runs psycopg2's own test suite, and psycopg2-yugabytedb's, against the psycopg2 that is installed for this Python.

    APUS_CLI=... python Tests/conformance/run.py [--suite NAME] [--mode normal|green] [--module test_x] [--test ID]

A suite is in its source distribution, which pip fetches into a cache when it is first needed. Its server is one node
that `apus cluster` starts: with TLS, hstore, two-phase commit and logical replication, so that hardly a test is
skipped. Each module of a suite runs in processes of its own: a crash or a hang costs one test.

The outcome of every test is in OUTPUT/SUITE-MODE.json. The run fails if an outcome is not as expected-failures.txt
beside this file says: a test that is not listed there has to pass.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "Demo"))

from local_cluster import LocalCluster, cli_from_environment, free_base_address  # noqa: E402


class Suite:
    def __init__(self, name, version, tests, left_out=()):
        """`tests` is how many there are, so that none goes missing unnoticed; `left_out` names modules."""
        self.name = name
        self.version = version
        self.tests = tests
        self.left_out = left_out


# The files added by psycopg2-yugabytedb are not tests but programs, which install a cluster with yb-ctl.
SUITES = {suite.name: suite for suite in [
    Suite("psycopg2", "2.9.13", tests=749),
    Suite("psycopg2-yugabytedb", "2.9.3.5", tests=738, left_out=["test_fallback_topology", "test_rr1", "test_rr2"]),
]}
EXPECTED = HERE / "expected-failures.txt"
DATABASE = "psycopg2_test"
# For one test: the slowest of the suite take a few seconds.
PATIENCE = 120
# The suite turns its own warnings into errors. This one says that the kernel took all of a large query before the
# driver had to wait, which, as the suite remarks, happens on a busy machine: the answer was right, it is no failure.
NO_FAILURE = "sending a large query didn't trigger block on write"
MODES = {"normal": {}, "green": {"PSYCOPG2_TEST_GREEN": "1"}}


def main():
    options = parse_options()
    options.output.mkdir(parents=True, exist_ok=True)
    address = free_base_address(1, 5433, range(61, 64))
    worse = 0
    with LocalCluster(cli_from_environment(), f"conformance-{os.getpid()}", nodes=1, base_address=address,
                      options=["--no-yb-servers", "--tls"]) as server:
        prepare(server)
        for suite in map(SUITES.get, options.suite or SUITES):
            for mode in options.mode or MODES:
                worse += run_mode(mode, suite, server, options)
    return 1 if worse else 0


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", action="append", choices=SUITES, help="default: all of them")
    parser.add_argument("--mode", action="append", choices=MODES, help="default: all of them")
    parser.add_argument("--module", action="append", help="one of a suite's modules, such as test_copy")
    parser.add_argument("--test", action="append", help="part of the name of the tests to run")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "conformance" / "suite")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "conformance")
    return parser.parse_args()


def fetch(suite, cache):
    """Returns the folder of the unpacked source distribution."""
    folder = cache / f"{suite.name}-{suite.version}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as fresh:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                        # Its tests also run on Pythons for which psycopg2 itself is no longer published.
                        "--ignore-requires-python", "--no-binary", ":all:", "--dest", fresh,
                        f"{suite.name}=={suite.version}"], check=True)
        (archive,) = Path(fresh).glob("*.tar.gz")
        with tarfile.open(archive) as files:
            if hasattr(tarfile, "data_filter"):
                files.extraction_filter = tarfile.data_filter
            files.extractall(fresh, [member for member in files.getmembers() if "/tests" in member.name])
        (unpacked,) = (path for path in Path(fresh).iterdir() if path.is_dir())
        shutil.move(str(unpacked), str(folder))
    return folder


def prepare(server):
    """Makes the suite's database, in a process of its own because psycopg2 need not be importable here."""
    script = ("import psycopg2, sys\n"
              "def run(dsn, statement):\n"
              "    connection = psycopg2.connect(dsn)\n"
              "    connection.autocommit = True\n"
              "    connection.cursor().execute(statement)\n"
              "    connection.close()\n"
              f"run(sys.argv[1], 'CREATE DATABASE {DATABASE}')\n"
              "run(sys.argv[2], 'CREATE EXTENSION hstore')\n")
    subprocess.run([sys.executable, "-c", script, server.dsn(), server.dsn(dbname=DATABASE)], check=True)


def run_mode(mode, suite, server, options):
    """Runs the modules in one mode and prints unexpected outcomes. Returns how many tests are worse than expected."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PSYCOPG2_"))}
    environment.update(
        PSYCOPG2_TESTDB=DATABASE, PSYCOPG2_TESTDB_HOST=server.address(1), PSYCOPG2_TESTDB_PORT=str(server.port),
        PSYCOPG2_TESTDB_USER="yugabyte", PSYCOPG2_TEST_REPL_DSN="", **MODES[mode])
    folder = fetch(suite, options.cache)
    modules = options.module or sorted(
        path.stem for path in (folder / "tests").glob("test_*.py") if path.stem not in suite.left_out)
    results, start = {}, time.monotonic()
    for module in modules:
        results.update(run_module(module, folder, environment, options))
    with open(options.output / f"{suite.name}-{mode}.json", "w") as file:
        json.dump(results, file, indent=1)
    return report(suite, mode, results, options, time.monotonic() - start)


def run_module(module, folder, environment, options):
    """{id: {"outcome": ..., "detail": ...}} of a module's tests, in as many processes as crashes and hangs demand."""
    results = {}
    with tempfile.NamedTemporaryFile("w", suffix=".done") as done:
        while True:
            died_in = run_process(module, folder, environment, done.name, results, options)
            if died_in is None:
                return results
            done.seek(0)
            done.write("\n".join(results))
            done.flush()


def run_process(module, folder, environment, done, results, options):
    """Adds the outcomes of the tests of one process. Returns the test that it died in, or None."""
    command = [sys.executable, str(HERE / "suite_process.py"), str(folder), module, done]
    # The suite leaves connections and children behind, which are not what it tests.
    with tempfile.TemporaryFile("w+") as chatter:
        process = subprocess.Popen(command, env={**environment, "PYTHONFAULTHANDLER": "1", **selection(options)},
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=chatter, text=True)
        watch = Watch(process, PATIENCE)
        running = None
        for line in process.stdout:
            watch.restart()
            event = json.loads(line)
            running = event.get("start")
            if "id" in event:
                outcome = "ok" if NO_FAILURE in last_line(event["detail"]) else event["outcome"]
                results[event["id"]] = {"outcome": outcome, "detail": event["detail"]}
        status = process.wait()
        watch.stop()
        if status == 0:
            return None
        chatter.seek(0)
        running = running or f"{module}.(none)"
        outcome = "hang" if watch.expired else "crash"
        results[running] = {"outcome": outcome, "detail": f"exit status {status}\n{chatter.read()[-4000:]}"}
        return None if running.endswith("(none)") else running


def selection(options):
    return {"APUS_CONFORMANCE_TESTS": "\n".join(options.test)} if options.test else {}


class Watch:
    """Kills a process that prints nothing for too long."""

    def __init__(self, process, seconds):
        import threading

        self._process, self._seconds, self.expired = process, seconds, False
        self._moment, self._over = time.monotonic(), threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def restart(self):
        self._moment = time.monotonic()

    def stop(self):
        self._over.set()

    def _run(self):
        while not self._over.wait(1):
            if time.monotonic() - self._moment > self._seconds:
                self.expired = True
                self._process.kill()
                return


def report(suite, mode, results, options, seconds):
    expected = read_expected(mode)
    per_module = {}
    for name, result in results.items():
        per_module.setdefault(name.split(".")[0], Counter())[short(result["outcome"])] += 1
    for module, counts in sorted(per_module.items()):
        print(f"    {module:26} ok {counts['ok']:4}   fail {counts['fail']:4}   skip {counts['skip']:4}")
    total = sum(per_module.values(), Counter())
    print(f"{suite.name} {suite.version}, {mode}: {sum(total.values())} tests, ok {total['ok']}, fail {total['fail']}, "
          f"skip {total['skip']}, {seconds:.0f} s")
    complete = not options.module and not options.test
    worse = [f"{result['outcome']:5} {name}: {last_line(result['detail'])}" for name, result in results.items()
             if result["outcome"] != "ok" and short(result["outcome"]) != expected.get(name)]
    if complete:
        worse += [f"gone  {name}: {EXPECTED.name} names it" for name in expected if name not in results]
        if len(results) != suite.tests:
            worse.append(f"count {len(results)} tests ran, not {suite.tests}")
    better = [name for name in expected if results.get(name, {}).get("outcome") == "ok"]
    for line in worse:
        print(f"  NOT AS EXPECTED: {line}")
    for name in better:
        print(f"  better than {EXPECTED.name} says, take it out: {name}")
    return len(worse) + len(better)


def short(outcome):
    return outcome if outcome in ("ok", "skip") else "fail"


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""


def read_expected(mode):
    """{id: "fail" or "skip"} of the tests that do not pass in a mode."""
    expected = {}
    for line in EXPECTED.read_text().splitlines():
        words, _, reason = line.partition("#")
        since = re.search(r"\[libpq >= (\d+)\]", reason)
        if since and libpq_version() < int(since[1]):
            continue
        words = words.split()
        if words and words[0] in (mode, "both"):
            expected[words[2]] = words[1]
    return expected


def libpq_version():
    """The major version of the libpq that the driver is built with."""
    import psycopg2

    return psycopg2.__libpq_version__ // 10000


if __name__ == "__main__":
    sys.exit(main())
