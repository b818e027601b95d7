# SPDX-License-Identifier: MIT
"""
A chunk plain and recorded, side by side. What differs is run again, three times on both sides, since other people's tests
are not free of chance: a difference stands when, of the four runs a side, some outcome came at least three times more
often on one side than on the other. The others are kept as "unsteady", with their counts.
"""
import collections
import json
import os
import re

from kit import Failed

AGAIN = 3
MUCH = 3
FEW_SECONDS = 150       # a chunk that took no longer is repeated as a whole


def differing(a, b):
    return {t for t in {**a, **b} if a.get(t) != b.get(t)}


def counts(words):
    return dict(collections.Counter("missing" if w is None else w for w in words))


def stands(plain, recorded):
    p, r = collections.Counter(plain), collections.Counter(recorded)
    return any(abs(p[w] - r[w]) >= MUCH for w in {**p, **r})


def chunk(suite, lib, arguments, logs, clock):
    """The result of a chunk, as it is kept: a dictionary for JSON."""
    begun = clock()
    plain, where, _, plain_output = suite.once(lib, arguments, False)
    took = clock() - begun
    recorded, more, really, output = suite.once(lib, arguments, True)
    where.update(more)
    if not really:
        raise Failed(f"no trace was mapped in the recorded run: {output.strip()[-200:]}")
    if suite.kind == "pytest" and set(tally(plain)) <= {"error"}:
        save(logs, "plain", plain_output)
        raise Failed(f"no test ran: {plain_output.strip()[-200:]}")
    seen = {t: ([plain.get(t)], [recorded.get(t)]) for t in differing(plain, recorded)}
    if seen:
        save(logs, "plain", plain_output)
        save(logs, "recorded", output)
        repeat(suite, lib, arguments, seen, where, took, logs)
    return {
        "versions": suite.what, "python": suite.version, "seconds": round(clock() - begun, 1), "plain": tally(plain),
        "differences": {t: {"plain": counts(p), "recorded": counts(r)} for t, (p, r) in sorted(seen.items()) if stands(p, r)},
        "unsteady": {t: {"plain": counts(p), "recorded": counts(r)} for t, (p, r) in sorted(seen.items()) if not stands(p, r)},
    }


def repeat(suite, lib, arguments, seen, where, took, logs):
    files = sorted({where[t] for t in seen if t in where}) if all(t in where for t in seen) and took > FEW_SECONDS else None
    if files and any("{folder}" in f for f in files):       # in the suite's own copy of its source
        files = [f.replace("/".join(("{folder}", "work", "source", "")), "") for f in files]
    for i in range(AGAIN):
        for n, recorded in ((0, False), (1, True)):
            found, _, _, output = suite.once(lib, arguments, recorded, files)
            for t in seen:
                seen[t][n].append(found.get(t))
            save(logs, f"{'recorded' if recorded else 'plain'}-{i + 2}", output)


def tally(tests):
    """How many tests had which outcome (one_module's and the process' own lines are none)."""
    return dict(collections.Counter(w for t, w in tests.items() if t not in ("the module", "the process")))


def save(logs, name, text):
    os.makedirs(os.path.dirname(logs), exist_ok=True)
    with open(f"{logs}-{name}.log", "w") as f:
        f.write(text)


def keep(path, result):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w") as f:
        json.dump(result, f, indent=1)
    os.replace(path + ".new", path)
