# SPDX-License-Identifier: MIT
"""
A plugin of pytest: writes what became of each test to the file that $SUITE_OUTCOMES names, a line as each ends, as
one_module.py does; so a test that ends the interpreter leaves what came before. The third member is the test's file.
"""
import json
import os

ORDER = ("ok", "skip", "expected", "unexpected", "fail", "error")
target = os.environ.pop("SUITE_OUTCOMES", None)
owner = os.getpid()
words, files = {}, {}


def recorded():
    with open("/proc/self/maps") as f:
        return any("/kshim-" in line and ".trace" in line for line in f)


def line(what):
    if target and os.getpid() == owner:
        with open(target, "a") as f:
            f.write(json.dumps(what) + "\n")


def pytest_sessionstart():
    line({"recorded": recorded()})


def pytest_itemcollected(item):
    files[item.nodeid] = str(getattr(item, "path", None) or item.fspath)


def pytest_collectreport(report):
    if report.failed or (report.skipped and report.nodeid):
        line([report.nodeid, "error" if report.failed else "skip", None])


def word_of(report):
    if hasattr(report, "wasxfail"):
        return "expected" if report.skipped else "unexpected"
    if report.failed:
        return "fail" if report.when == "call" else "error"
    return "skip" if report.skipped else "ok"


def pytest_runtest_logreport(report):
    word = word_of(report)
    if ORDER.index(word) >= ORDER.index(words.get(report.nodeid, "ok")):
        words[report.nodeid] = word
    if report.when == "teardown":
        line([report.nodeid, words.pop(report.nodeid), files.get(report.nodeid)])
