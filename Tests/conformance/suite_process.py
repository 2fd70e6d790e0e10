"""Runs tests of psycopg2's suite in this process and writes the outcome of each as a line of JSON.

    python suite_process.py FOLDER MODULE [DONE]

FOLDER is the unpacked source distribution. DONE is a file with the ids of tests not to run: those that an earlier
process got through before it crashed or hung. `{"start": id}` is written before a test, `{"id": ..., "outcome": ...}`
after it, so that the reader knows which test a process died in.
"""

import json
import os
import sys
import unittest


class Report(unittest.TestResult):
    def __init__(self, output):
        super().__init__()
        self._output = output
        self._outcome = None

    def write(self, **line):
        self._output.write(json.dumps(line) + "\n")
        self._output.flush()

    def startTest(self, test):
        super().startTest(test)
        self._outcome = ("ok", "")
        self.write(start=name_of(test))

    def stopTest(self, test):
        outcome, detail = self._outcome
        self.write(id=name_of(test), outcome=outcome, detail=detail)
        super().stopTest(test)

    def addSkip(self, test, reason):
        self._outcome = ("skip", reason)

    def addFailure(self, test, error):
        self._outcome = ("fail", self._exc_info_to_string(error, test))

    def addError(self, test, error):
        if isinstance(test, unittest.TestCase):
            self._outcome = ("error", self._exc_info_to_string(error, test))
        else:
            self.write(id=name_of(test), outcome="error", detail=self._exc_info_to_string(error, test))

    def addSubTest(self, test, subtest, error):
        if error is not None:
            kind = "fail" if issubclass(error[0], test.failureException) else "error"
            self._outcome = (kind, f"{subtest}: {self._exc_info_to_string(error, test)}")


def name_of(test):
    return test.id().removeprefix("tests.") if hasattr(str, "removeprefix") else test.id()


def tests_in(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_in(item)
        else:
            yield item


def main():
    folder, module = sys.argv[1:3]
    done = set(open(sys.argv[3]).read().split()) if len(sys.argv) > 3 else set()
    output = os.fdopen(os.dup(1), "w")
    # What tests print must not get between the lines.
    os.dup2(2, 1)
    sys.path.insert(0, folder)
    found = unittest.defaultTestLoader.loadTestsFromName(f"tests.{module}")
    wanted = os.environ.get("APUS_CONFORMANCE_TESTS", "").split()
    chosen = (test for test in tests_in(found) if name_of(test) not in done)
    unittest.TestSuite(
        test for test in chosen if not wanted or any(part in name_of(test) for part in wanted)
    ).run(Report(output))


if __name__ == "__main__":
    main()
