# SPDX-License-Identifier: MIT
"""
Shared by the runners (run-conformance, run-victims, run-suites, run-jupyter): builds the small programs,
runs things with an end in time, two at once, and reports one line each:

    ok NAME          not ok NAME - why          skip NAME - why

and at the end `N passed, N failed, N skipped`. A runner's exit status is 1 when anything failed or nothing ran.
"""
import concurrent.futures
import fnmatch
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

TESTS = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(TESTS)
JOBS = 2


class Skip(Exception):
    pass


class Failed(Exception):
    pass


# --- running programs ---

class Run:
    """What came of a program: its output, both streams in one, and its status (-signal as subprocess has it)."""

    def __init__(self, status, output, seconds, timed_out=False):
        self.status, self.output, self.seconds, self.timed_out = status, output, seconds, timed_out

    def shell_status(self):
        return 128 - self.status if self.status < 0 else self.status

    def same(self, other):
        return self.status == other.status and self.output == other.output and self.timed_out == other.timed_out


def before_exec():
    """Signals and limits as an interactive shell leaves them: a background shell ignores SIGINT and SIGQUIT."""
    for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(s, signal.SIG_DFL)
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def run(command, env=None, timeout=60, cwd=None):
    """Runs a command in a session of its own; whatever of it is left afterwards is killed."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as output:    # not a pipe: a child that stays must not hold us
        p = subprocess.Popen(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                             start_new_session=True, preexec_fn=before_exec)
        timed_out = False
        try:
            p.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            try:
                os.killpg(p.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            p.wait()
        output.seek(0)
        return Run(p.returncode, output.read().decode(errors="backslashreplace"), time.monotonic() - begun, timed_out)


def clean_environment(**more):
    """The environment without what would switch the recorder on or off, or change how programs speak."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("KSHIM", "LD_", "PYTHON", "OMP_", "KMP_"))
           and k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MAKEFLAGS", "MFLAGS", "COLUMNS", "XDG_STATE_HOME")}
    env["LC_ALL"] = "C.UTF-8"
    env.update({k: str(v) for k, v in more.items() if v is not None})
    return env


def difference(a, b, limit=300):
    """The first line that differs, for a human."""
    x, y = a.output.splitlines(), b.output.splitlines()
    if a.timed_out != b.timed_out:
        return f"plain {'hangs' if a.timed_out else 'ends'}, recorded {'hangs' if b.timed_out else 'ends'}"
    for i in range(max(len(x), len(y))):
        p, q = (t[i] if i < len(t) else "(no line)" for t in (x, y))
        if p != q:
            return f"line {i + 1}: plain {p[:limit]!r}, recorded {q[:limit]!r}" + \
                (f" (status {a.status} and {b.status})" if a.status != b.status else "")
    return f"status {a.status} plain, {b.status} recorded"


# --- building programs ---

def header(path):
    """`key: value` lines of the comment that a program begins with (build, env, needs, run, status, timeout…)."""
    found = {}
    with open(path, errors="replace") as f:
        for line in list(f)[:25]:
            m = re.match(r"\s*(?:/\*|\*|//|#)\s*([a-z]+):\s*(.*?)\s*(?:\*/)?\s*$", line)
            if m:
                found[m.group(1)] = (found.get(m.group(1), "") + " " + m.group(2)).strip()
    return found


class Builder:
    """Programs of one folder into build/…, each only when it is older than its source or this file."""

    def __init__(self, source_dir, out, cross=""):
        self.source_dir, self.out, self.cross = source_dir, out, cross
        self.lock, self.locks = threading.Lock(), {}    # one of each program: several tests may want it at once
        os.makedirs(out, exist_ok=True)
        for name in os.listdir(source_dir):     # data files that programs read
            if not name.endswith((".c", ".cc", ".json")) and os.path.isfile(os.path.join(source_dir, name)):
                shutil.copy2(os.path.join(source_dir, name), out)

    def compile(self, source, target, flags):
        with self.lock:
            lock = self.locks.setdefault(target, threading.Lock())
        with lock:
            self.compile_if_older(source, target, flags)

    def compile_if_older(self, source, target, flags):
        others = [os.path.join(TOP, w) for w in flags.split() if w.endswith(".c")]     # of other folders
        folders = {self.source_dir, *map(os.path.dirname, others)}
        newest = max(os.path.getmtime(f) for f in [source, __file__, *others] +
                     [os.path.join(d, h) for d in folders for h in os.listdir(d) if h.endswith((".h", ".def"))])
        stamp = target + ".flags"
        plus = source.endswith(".cc")
        compiler = shlex.split(os.environ.get("CXX" if plus else "CC", "g++" if plus else "gcc")) if not self.cross \
            else [self.cross + ("g++" if plus else "gcc")]
        if not shutil.which(compiler[0]):
            raise Skip(f"no {compiler[0]}")
        words = [re.sub(r"\$O\b", lambda m: self.out, w) for w in shlex.split(flags.replace("$ORIGIN", "\\$ORIGIN"))]
        command = compiler + ["-D_GNU_SOURCE", "-g", "-O1", "-o", target + ".new", source] + (["-std=gnu11"] if not plus else []) + words
        text = json.dumps(command)
        if os.path.exists(target) and os.path.getmtime(target) > newest and os.path.exists(stamp) and open(stamp).read() == text:
            return
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, cwd=TOP)
        if done.returncode:
            line = next((x for x in done.stdout.splitlines() if "error" in x or "cannot find" in x), done.stdout.strip()[-200:])
            if self.cross and "cannot find -l" in done.stdout:
                raise Skip("a library that is not there for the other CPU: " + line.strip()[-80:])
            raise Failed("does not compile: " + line.strip())
        os.replace(target + ".new", target)
        with open(stamp, "w") as f:
            f.write(text)

    def libraries(self):
        """lib_NAME.c becomes libNAME.so, before any program (they may be linked with it)."""
        for name in sorted(os.listdir(self.source_dir)):
            m = re.match(r"lib_(\w+)\.(c|cc)$", name)
            if m:
                source = os.path.join(self.source_dir, name)
                flags = header(source).get("build", "")
                try:
                    self.compile(source, os.path.join(self.out, f"lib{m.group(1)}.so"), f"-shared -fPIC -Wl,-soname,lib{m.group(1)}.so -L{self.out} {flags}"
                                 if "-soname" not in flags else f"-shared -fPIC -L{self.out} {flags}")
                except (Skip, Failed) as e:
                    print(f"# {name}: {e}", flush=True)

    def program(self, name):
        """The command that runs a program of the folder: NAME.c, .cc, .py or .sh."""
        source = os.path.join(self.source_dir, name)
        base, kind = os.path.splitext(name)
        if kind == ".py":
            return [sys.executable, source]
        if kind == ".sh":
            return ["bash", source]
        target = os.path.join(self.out, base)
        self.compile(source, target, f"{header(source).get('build', '')} -L{self.out} -Wl,-rpath,$ORIGIN -pthread -ldl")
        return [target]


# --- what a test may need ---

def meets(needs):
    """Raises Skip, with the word why, where something that a test needs is not here."""
    for word in re.split(r"[ ,]+", needs or ""):
        if not word:
            continue
        if word == "root":
            if os.getuid() != 0:
                raise Skip("needs root")
        elif word == "mounts":          # in a chroot whose root is no mount, none can be made
            if os.getuid() or not shutil.which("unshare") or subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode:
                raise Skip("needs root and mounts of one's own")
        elif word in ("x86_64", "aarch64"):
            if os.uname().machine != word:
                raise Skip(f"only on {word}")
        elif word == "nosandbox":
            if os.path.exists("/.dockerenv"):
                raise Skip("not in a container")
        elif word.startswith("module:"):
            if subprocess.run([sys.executable, "-c", "import " + word[7:]], stderr=subprocess.DEVNULL).returncode:
                raise Skip(f"no Python module {word[7:]}")
        elif word.startswith("file:"):
            if not os.path.exists(word[5:]):
                raise Skip(f"no {word[5:]}")
        elif not shutil.which(word):
            raise Skip(f"no {word}")


def pythons(known=("python3.15", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python3.9", "python3.8", "python3.7", "python3.6")):
    """Interpreters at hand, newest first, the system's among them: {"3.11.2": path}; each version once."""
    found, candidates = {}, ["/usr/bin/python3", sys.executable]
    candidates += [shutil.which(k) or "" for k in known]
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")) + "/versions"
    if os.path.isdir(root):
        candidates += [os.path.join(root, v, "bin", "python3") for v in os.listdir(root)]
    for c in candidates:
        if not os.access(c, os.X_OK):
            continue
        ask = "import sys, os; print('.'.join(map(str, sys.version_info[:3])), os.path.realpath(sys.executable))"
        done = subprocess.run([c, "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True,
                              env=clean_environment())
        if done.returncode == 0:
            version, path = done.stdout.split()
            found.setdefault(version, path)
    order = sorted(found, key=lambda v: [int(x) for x in v.split(".")], reverse=True)
    return {v: found[v] for v in order}


# --- reporting ---

class Report:
    def __init__(self, only=()):
        self.only, self.counts, self.lock = list(only), {"ok": 0, "not ok": 0, "skip": 0}, threading.Lock()

    def wanted(self, name):
        return not self.only or any(fnmatch.fnmatch(name, g) for g in self.only)

    def line(self, word, name, why=""):
        with self.lock:
            self.counts[word] += 1
            print(f"{word} {name}" + (f" - {' '.join(str(why).split())}" if why else ""), flush=True)

    def test(self, name, function, *arguments):
        try:
            function(*arguments)
        except Skip as e:
            self.line("skip", name, e)
        except Failed as e:
            self.line("not ok", name, e)
        except Exception as e:      # the runner's own mistake is a failure, not the end of the others
            self.line("not ok", name, f"{type(e).__name__}: {e}")
        else:
            self.line("ok", name)

    def all(self, tests, jobs=JOBS):
        """tests: [(name, function, arguments...)]"""
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda t: self.test(*t), [t for t in tests if self.wanted(t[0])]))

    def end(self):
        c = self.counts
        print(f"{c['ok']} passed, {c['not ok']} failed, {c['skip']} skipped", flush=True)
        return 1 if c["not ok"] or not (c["ok"] or c["skip"]) else 0


def arguments(parser):
    """The options that every runner has."""
    parser.add_argument("--lib", default=os.path.join(TOP, os.environ.get("O", "build"), "libkshim.so"))
    parser.add_argument("--analyze", default=os.path.join(TOP, os.environ.get("O", "build"), "kshim-analyze"))
    parser.add_argument("--out", default=os.path.join(TOP, os.environ.get("O", "build"), "tests"), help="where the programs are built")
    parser.add_argument("-j", "--jobs", type=int, default=JOBS)
    parser.add_argument("only", nargs="*", help="names (globs)")
    given = parser.parse_intermixed_args()
    given.lib, given.analyze, given.out = (os.path.abspath(p) for p in (given.lib, given.analyze, given.out))
    if not os.path.exists(given.lib):
        sys.exit(f"{given.lib} is not there: build it first")
    return given


# --- virtual environments ---

def venv(root, name, requirements, python=None):
    """A virtual environment under root, made once for these requirements; its prefix. Skip where it cannot be had."""
    prefix, stamp = os.path.join(root, name), os.path.join(root, name, ".done")
    wanted = "\n".join(requirements)
    if os.path.exists(stamp) and open(stamp).read() == wanted and os.access(os.path.join(prefix, "bin", "python"), os.X_OK):
        return prefix
    shutil.rmtree(prefix, ignore_errors=True)
    os.makedirs(root, exist_ok=True)
    print(f"# virtual environment {name}: {' '.join(requirements)}", flush=True)
    for command in ([python or "python3", "-m", "venv", prefix],
                    [os.path.join(prefix, "bin", "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, timeout=900)
        if done.returncode:
            raise Skip(f"no virtual environment {name}: {done.stdout.strip().splitlines()[-1:] or done.returncode}")
    with open(stamp, "w") as f:
        f.write(wanted)
    return prefix
