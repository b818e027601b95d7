# SPDX-License-Identifier: MIT
"""
Runs one module of unittest's tests in this interpreter (3.6 and later) and writes what became of each test:
    one_module.py MODULE RESULT          MODULE: test.test_os, gevent.tests.test__queue
RESULT gets a line for each test as it ends, so that a module that ends the interpreter leaves what came before:
    [id, ok|skip|fail|error|expected|unexpected|subtest]; the first line says whether a trace is mapped here.
"""
import importlib
import json
import sys
import unittest


def recorded():
    with open("/proc/self/maps") as f:
        return any("/kshim-" in line and ".trace" in line for line in f)


class Result(unittest.TestResult):
    def __init__(self, path):
        super().__init__()
        self.found, self.path = {}, path
        self.line({"recorded": recorded()})

    def line(self, what):
        with open(self.path, "a") as f:     # not kept open: the tests count descriptors
            f.write(json.dumps(what) + "\n")

    def put(self, test, word):
        if str(test) not in self.found:
            self.found[str(test)] = word
            self.line([str(test), word])

    def addSuccess(self, test):
        self.put(test, "ok")

    def addError(self, test, err):
        super().addError(test, err)
        self.put(test, "error")
        sys.stderr.write("ERROR %s\n%s\n" % (test, self.errors[-1][1][-1500:]))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.put(test, "fail")
        sys.stderr.write("FAIL %s\n%s\n" % (test, self.failures[-1][1][-1500:]))

    def addSkip(self, test, reason):
        self.put(test, "skip")

    def addExpectedFailure(self, test, err):
        self.put(test, "expected")

    def addUnexpectedSuccess(self, test):
        self.put(test, "unexpected")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.put(test, "subtest")
            sys.stderr.write("SUBTEST %s\n%s\n" % (subtest, self._exc_info_to_string(err, test)[-1500:]))


def run_test_main(test_main, support, result):
    """Up to 3.11, regrtest has many a module run itself: test_main() prepares what its tests need."""
    support._run_suite = lambda suite: suite.run(result)
    try:
        test_main()
    except (support.TestFailed, support.TestDidNotRun) as e:    # of doctests, and of nothing at all
        result.put("test_main", "fail" if isinstance(e, support.TestFailed) else "skip")
        sys.stderr.write("test_main: %s\n" % e)


def main(module, path):
    del sys.argv[1:]
    support = None
    if module.startswith("test."):
        try:
            from test import support
        except ImportError:
            sys.exit(77)
        support.use_resources = []      # as regrtest without -u: nothing that needs a network, a display or much of the disk
    result = Result(path)
    try:
        test_main = getattr(importlib.import_module(module), "test_main", None) if support and sys.version_info < (3, 12) else None
        suite = unittest.defaultTestLoader.loadTestsFromName(module) if not test_main else None
        if test_main:
            run_test_main(test_main, support, result)
        else:
            suite.run(result)
    except (unittest.SkipTest, ImportError) as e:
        sys.stderr.write("not here: %s\n" % e)
        sys.exit(77)
    result.put("the module", "ran to its end")


if __name__ == "__main__":      # multiprocessing imports it again in its children
    main(*sys.argv[1:3])
