"""Runs the tests that unittest discovers and writes a line of JSON for each."""
import json
import sys
import time
import unittest


class Result(unittest.TestResult):
    """Tells standard output's first owner of each test as it ends."""

    def __init__(self, report):
        super().__init__()
        self.report = report

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def tell(self, test, status, text=""):
        took = time.monotonic() - getattr(self, "began", time.monotonic())
        line = {"Name": test.id(), "Status": status, "Text": text, "Seconds": took}
        print(json.dumps(line), file=self.report, flush=True)

    def addSuccess(self, test):
        self.tell(test, "passed")

    def addExpectedFailure(self, test, err):
        self.tell(test, "passed")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.tell(test, "failed", "the test was expected to fail, and passed")

    def addSkip(self, test, reason):
        self.tell(test, "skipped", reason)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tell(test, "failed", self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.tell(test, "failed", self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            text = self._exc_info_to_string(err, subtest)
            self.tell(subtest, "failed", text)


report, sys.stdout = sys.stdout, sys.stderr
sys.path.insert(0, "")
result = Result(report)
for pattern in sys.argv[1:]:
    unittest.defaultTestLoader.discover(".", pattern=pattern).run(result)
print(json.dumps({"Status": "end"}), file=report)
