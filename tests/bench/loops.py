# SPDX-License-Identifier: MIT
"""Ordinary work of a Python program: loops.py NAME prints milliseconds of its best lap."""
import json
import pickle
import re
import sys
import time

DATA = {"key%d" % i: [i, float(i), "text %d" % i, {"a": i}] for i in range(2000)}
TEXT = json.dumps(DATA)


def run_json():
    json.loads(json.dumps(DATA))


def run_pickle():
    pickle.loads(pickle.dumps(DATA, 4))


def run_dict():
    d = {}
    for i in range(40000):
        d[str(i)] = [i]
    return sum(len(v) for v in d.values())


def run_regex():
    return len(re.findall(r'"text (\d+)"', TEXT * 4))


def run_numpy():
    import numpy
    a = numpy.arange(400000.0)
    for _ in range(10):
        a = numpy.sqrt(a * 1.5 + 1)
    return a.sum()


def main():
    work = globals()["run_" + sys.argv[1]]
    best = 1e9
    for _ in range(25):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    print("%.4f" % (best * 1e3))


main()
