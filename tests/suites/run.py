# SPDX-License-Identifier: MIT
"""
One chunk of a suite, once: prepares what the suite needs (virtual environment, source distribution), runs the chunk plain
or recorded, and reads what became of each test. No comparison here (compare.py).
"""
import fnmatch
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import threading

import kit
from kit import Skip

HERE = os.path.dirname(os.path.abspath(__file__))
SPLIT = ("test_asyncio", "test_concurrent_futures", "test_future_stmt", "test_inspect", "test_pydoc", "test_multiprocessing_fork",
         "test_multiprocessing_forkserver", "test_multiprocessing_spawn")     # packages of which each module is a chunk
THE_PROCESS = "the process"
LOCK = threading.Lock()


def has_tests(python):
    return subprocess.run([python, "-c", "import test.test_signal, test.support"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          env=kit.clean_environment()).returncode == 0


def ask(python, code, *arguments):
    done = subprocess.run([python, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True,
                          env=kit.clean_environment())
    return done.stdout.split() if done.returncode == 0 else []


class Suite:
    """A row of the table, and what was made ready for it."""

    def __init__(self, name, row, build, prefix=None):
        self.name, self.row, self.build, self.prefix = name, row, build, prefix
        self.kind, self.limit = row["kind"], row.get("limit", 600)
        self.python = self.version = self.source = None
        self.what = {}          # package: version, as found

    def prepare(self):
        kit.meets(self.row.get("needs"))
        with LOCK:              # pip and the folders are shared
            self.choose_python()
            if "requires" in self.row:
                self.prefix = self.prefix or kit.venv(os.path.join(self.build, "venv"), self.name, self.row["requires"], self.python)
                self.python = os.path.join(self.prefix, "bin", "python")
                self.version = ask(self.python, "import platform; print(platform.python_version())")[0]
                if self.kind == "pytest":
                    where = ask(self.python, "import sysconfig; print(sysconfig.get_paths()['purelib'])")[0]
                    shutil.copy2(os.path.join(HERE, "kshim_outcomes.py"), where)
            if "source" in self.row:
                self.source = self.unpack(self.row["source"])
        self.find_versions()

    def choose_python(self):
        known = kit.pythons()
        wanted = self.row["python"]
        if wanted in ("newest", "oldest"):
            having = [v for v in known if has_tests(known[v])]
            choice = having[:1] if wanted == "newest" else having[-1:]
        else:
            choice = [v for w in wanted for v in known if v.startswith(w + ".")][:1]
            if self.kind == "cpython" and choice and not has_tests(known[choice[0]]):
                choice = []
        if not choice:
            raise Skip(f"no Python {wanted} at hand" + (" with its tests" if self.kind == "cpython" else ""))
        self.version, self.python = choice[0], known[choice[0]]

    def find_versions(self):
        if "requires" not in self.row:
            self.what = {"CPython": self.version}
            return
        names = [re.split(r"[=<>\[]", r)[0] for r in self.row["requires"]]
        main = [n for n, r in zip(names, self.row["requires"]) if "==" in r and not n.startswith("pytest")] or names[:1]
        code = "import sys, importlib.metadata as m\nfor n in sys.argv[1:]:\n print(n, m.version(n))"
        words = ask(self.python, code, *main)
        self.what = dict(zip(words[::2], words[1::2]))

    def unpack(self, requirement):
        """The folder of a source distribution, fetched and prepared once."""
        folder = os.path.join(self.build, "source", self.name)
        stamp = os.path.join(folder, ".done")
        wanted = requirement + "\n" + self.row.get("prepare", "")
        if not (os.path.exists(stamp) and open(stamp).read() == wanted):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            done = subprocess.run([self.python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", requirement.split("==")[0], "-d", folder,
                                   requirement], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                                  timeout=900, env=kit.clean_environment())
            archives = glob.glob(os.path.join(folder, "*.tar.gz"))
            if done.returncode or not archives:
                raise Skip(f"no source of {requirement}: {done.stdout.strip().splitlines()[-1:]}")
            with tarfile.open(archives[0]) as t:
                t.extractall(folder)
            inner = self.inner(folder)
            if "prepare" in self.row:
                env = kit.clean_environment(PATH=os.path.dirname(self.python) + ":" + os.environ["PATH"])
                done = kit.run(["sh", "-ec", self.row["prepare"]], env, 900, inner)
                if done.status:
                    raise Skip(f"{requirement} could not be prepared: {done.output.strip()[-200:]}")
            with open(stamp, "w") as f:
                f.write(wanted)
        return self.inner(folder)

    @staticmethod
    def inner(folder):
        return next(d for d in glob.glob(os.path.join(folder, "*")) if os.path.isdir(d))

    # --- what there is to run ---

    def chunks(self):
        """[(name, arguments)]"""
        given = self.row["chunks"]
        if self.kind == "pytest":
            return list(given.items())
        if self.kind == "programs":
            return [(os.path.splitext(n)[0], [os.path.join(HERE, "programs", n)]) for n in given]
        package = "test" if self.kind == "cpython" else self.row["package"]
        code = "import os, sys, importlib\nfor n in sorted(os.listdir(os.path.dirname(importlib.import_module(sys.argv[1]).__file__))): print(n)"
        names = []
        for n in ask(self.python, code, package):
            base = re.sub(r"\.py$", "", n)
            if not base.startswith("test_") or (base == n and "." in n):
                continue
            if base in SPLIT and base == n:
                names += [f"{base}.{m[:-3]}" for m in ask(self.python, code, f"{package}.{base}") if m.startswith("test_") and m.endswith(".py")]
            else:
                names.append(base)
        chosen = {n for n in names for g in given if not g.startswith("!") and (fnmatch.fnmatch(n, g) or n.startswith(g + "."))}
        chosen -= {n for n in chosen for g in given if g.startswith("!") and fnmatch.fnmatch(n, g[1:])}
        return [(n, [f"{package}.{n}"]) for n in sorted(chosen)]

    # --- one run ---

    def command(self, arguments, answer, files):
        if self.kind == "programs":
            return [self.python] + arguments
        if self.kind == "pytest":
            return [self.python, "-m", "pytest", "-p", "kshim_outcomes", "-p", "no:cacheprovider", "-q", "--timeout=200", "--tb=short",
                    "--continue-on-collection-errors", *self.row.get("arguments", []), *(files or arguments)]
        return [self.python, os.path.join(HERE, "one_module.py"), arguments[0], answer]

    def once(self, lib, arguments, recorded, files=None):
        """({test: word}, {test: file}, was it recorded, output); files: only these files of pytest's."""
        folder = tempfile.mkdtemp(prefix="kshim-suite-")
        try:
            work, traces, answer = (os.path.join(folder, n) for n in ("work", "traces", "answer"))
            os.mkdir(work)
            there = work
            if self.source:
                there = os.path.join(work, "source")
                shutil.copytree(self.source, there, symlinks=True)
            # HOME: tests that look for ~ must not find a trace directory that only one of the runs makes
            env = kit.clean_environment(HOME=work, TMPDIR=work, PYTHONDONTWRITEBYTECODE="1", SUITE_OUTCOMES=answer, **self.row.get("env", {}))
            env["PATH"] = os.path.dirname(self.python) + ":" + env["PATH"]
            if recorded:
                env.update(LD_PRELOAD=lib, KSHIM_DIR=traces, KSHIM="all", KSHIM_KEEP="always" if self.kind == "programs" else "death")
            run = kit.run(["nice", "-n", "10", *self.command(arguments, answer, files)], env, self.limit * (1.5 if recorded else 1), there)
            if run.status == 77 and self.kind in ("cpython", "unittest"):
                raise Skip((run.output.strip().splitlines() or ["not here"])[-1][-150:])
            if self.kind == "programs":
                return self.program(run, glob.glob(os.path.join(traces, "*.trace")))
            tests, where, really = read(answer, folder)
            if run.timed_out or run.status or not tests:        # a module that is a script has no tests, but an end
                tests[THE_PROCESS] = "does not end" if run.timed_out else f"ends with {run.status}"
            return tests, where, really, run.output
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def program(run, traces):
        digest = hashlib.sha256(run.output.encode()).hexdigest()[:12]
        word = "does not end" if run.timed_out else "ok" if run.status == 0 else f"ends with {run.status}"
        return {"status": word, "output": f"{digest}"}, {}, bool(traces), run.output


def read(path, folder):
    """What one_module.py or kshim_outcomes.py wrote."""
    tests, where, really = {}, {}, False
    if os.path.exists(path):
        with open(path) as f:
            for line in f:
                try:
                    item = json.loads(line)
                except ValueError:      # the process ended while it wrote
                    continue
                if isinstance(item, dict):
                    really = item["recorded"]
                else:
                    name = re.sub(r"0x[0-9a-f]{4,}", "0x", item[0].replace(folder, "/tmp/folder"))
                    tests.setdefault(name, item[1])
                    if len(item) > 2 and item[2]:
                        where[name] = item[2].replace(folder, "{folder}")
    return tests, where, really
