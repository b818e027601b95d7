# SPDX-License-Identifier: MIT
"""
The session of scripts/demo: one notebook, opened twice in a real Jupyter server.

First in an environment that was copied onto a disk that was too full: one of NumPy's bundled
libraries is cut off, and `import keras` ends the kernel with SIGBUS inside the dynamic loader
(nothing here sends a signal or calls abort). Then with that library whole again, by the command
that the report gives. What Jupyter said and what kshim-analyze says are shown side by side.

Runs in the environment that it cuts; ends by itself; status 0 only when everything was seen.
"""
import argparse
import asyncio
import glob
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

from jupyter_session import Broken, Server

CELLS = ['print("ready")',
         "import keras",
         "import numpy as np\n"
         'model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])\n'
         'model.compile("adam", "mse")\n'
         "x = np.random.rand(64, 4)\n"
         "history = model.fit(x, x.sum(axis=1), epochs=2, verbose=0)\n"
         'print("trained, loss", round(history.history["loss"][-1], 3))']
NOTEBOOK = "first-model.ipynb"
STEP = "\N{BULLET} "

args = None
missing = []


def tell(text=""):
    print(text, flush=True)


def seen(what, condition):
    """One of the things that this demo promises to show."""
    tell(f"    {'seen' if condition else 'NOT SEEN'}: {what}")
    if not condition:
        missing.append(what)
    return condition


# --- the cause, and the mending ---

def bundled_library():
    found = glob.glob(os.path.join(sys.prefix, "lib/python3*/site-packages/numpy.libs/libscipy_openblas*.so"))
    if not found:
        raise Broken("this NumPy bundles no OpenBLAS")
    return found[0]


def recorded_size(library):
    """Its size as pip's RECORD of the package has it."""
    site = os.path.dirname(os.path.dirname(library))
    with open(glob.glob(os.path.join(site, "numpy-*.dist-info/RECORD"))[0]) as record:
        return int(next(line for line in record if os.path.basename(library) in line).rsplit(",", 1)[1])


def copy_to_full_disk(library):
    """A copy that ends as on a full disk or at a quota: after 60 %, cp reports an error, the file stays."""
    whole = library + ".whole"
    os.rename(library, whole)
    room = os.path.getsize(whole) * 6 // 10 // 4096 * 4096

    def quota():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    done = subprocess.run(["cp", "-p", whole, library], preexec_fn=quota, stderr=subprocess.PIPE, universal_newlines=True)
    os.unlink(whole)
    tell(f"    $ cp -r … {os.path.relpath(os.path.dirname(library), sys.prefix)}")
    tell(f"    cp: {os.path.basename(library)}: {done.stderr.strip().rpartition(': ')[2]}")
    tell(f"    {os.path.getsize(library)} of {recorded_size(library)} bytes are there")


def reinstall(command):
    """Types the command; pip finds the wheel that scripts/demo has put aside."""
    env = dict(os.environ, PIP_NO_INDEX="1", PIP_FIND_LINKS=os.path.abspath(args.wheels), PIP_NO_DEPS="1",
               PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_QUIET="1", PIP_NO_INPUT="1")
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, timeout=120).returncode == 0


def own_mending():
    return [sys.executable, "-m", "pip", "install", "--force-reinstall", "numpy"]


def fix_of(report):
    """The first command of the report's fix that reinstalls NumPy, as words; None where it gives none."""
    for line in report["verdict"].get("fix", []):
        found = re.search(r"\S*(?:python\S*\s+-m\s+pip|pip\d?)\s+install\s+[^;&|`]*", line)
        if found and "numpy" in found.group():
            return shlex.split(found.group().strip().rstrip("."))
    return None


# --- how it looks ---

def columns():
    return min(shutil.get_terminal_size((80, 24)).columns, 140)


def wrap(lines, width):
    for line in lines:
        indent = re.match(r"\s*", line).group()[:width // 3]
        yield from textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False) or [""]


def side_by_side(left_title, left, right_title, right):
    lw, rw = widths()
    if not lw:
        for title, lines in ((left_title, left), (right_title, right)):
            tell(f"\n--- {title} " + "-" * max(0, rw - 5 - len(title)))
            for line in wrap(lines, rw):
                tell(line)
        return
    left = [left_title, "-" * lw, *wrap(left, lw)]
    right = [right_title, "-" * rw, *wrap(right, rw)]
    tell()
    for i in range(max(len(left), len(right))):
        a, b = (x[i] if i < len(x) else "" for x in (left, right))
        tell(f"{a:{lw}} | {b}".rstrip())


def widths():
    """Of the two columns; 0 and the whole width where there is no room for two."""
    if args.plain or columns() < 76:
        return 0, columns()
    left = max(24, columns() // 4)
    return left, columns() - left - 3


def comparison(jupyter, traces):
    """Both sides as far as the report says what and why; then the rest of the report in the whole width."""
    def details(lines):     # where the parts begin that tell them
        return next((i for i, line in enumerate(lines) if line.startswith(("Where, in Python", "\N{BOX DRAWINGS LIGHT HORIZONTAL}"))), len(lines))
    right, whole = (analyze(traces, "--color=never", width=w)[1].rstrip().splitlines() for w in (widths()[1], columns()))
    cut, cut_whole = details(right), details(whole)
    side_by_side("What Jupyter says", jupyter, "What kshim-analyze says", right[:cut])
    if whole[cut_whole:]:
        tell("\n" + STEP + "The rest of its report")
        tell("\n".join("    " + line if columns() > 100 else line for line in whole[cut_whole:]))
    tell()


def analyze(folder, *options, width=80):
    env = dict(os.environ, COLUMNS=str(width))
    done = subprocess.run([os.path.abspath(args.analyze), *options, folder], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, timeout=120)
    return done.returncode, done.stdout


def dialog():
    """What the notebook's page shows at a restart, from the front end that is installed here."""
    for name in glob.glob(os.path.join(sys.prefix, "lib/python3*/site-packages/jupyterlab/static/jlab_core*.js")):
        with open(name, errors="replace") as f:
            found = re.search(r'"(The kernel for %1 appears to have died[^"]*)"', f.read())
        if found:
            return found.group(1).replace("%1", NOTEBOOK)
    return None


# --- the notebook ---

def notebook(work):
    cells = [{"cell_type": "code", "execution_count": None, "id": f"cell{i}", "metadata": {}, "outputs": [], "source": text}
             for i, text in enumerate(CELLS, 1)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    os.makedirs(work, exist_ok=True)
    with open(os.path.join(work, NOTEBOOK), "w") as f:
        json.dump({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}, f, indent=1)


async def play(folder, **environment):
    """Opens the notebook in a recorded server and runs its cells until one does not answer."""
    traces = os.path.join(folder, "traces")
    environment.update(LD_PRELOAD=os.path.abspath(args.lib), KSHIM_DIR=traces)
    said = []
    notebook(os.path.join(folder, "work"))
    async with Server(folder, environment=environment) as server:
        tell(f"    LD_PRELOAD={os.path.relpath(args.lib)} jupyter notebook --no-browser   (pid {server.process.pid}, 127.0.0.1:{server.port})")
        kernel = await server.open_notebook(NOTEBOOK)
        for number, cell in enumerate(CELLS, 1):
            begun = time.monotonic()
            reply = await kernel.run(cell)
            first = cell.splitlines()[0] + (" …" if "\n" in cell else "")
            outcome = "the kernel died" if reply.died else reply.error or reply.stdout.strip() or "ok"
            tell(f"    [{number}] {first[:46]:46} {outcome[:60]}   {time.monotonic() - begun:.1f}s")
            said.append(reply)
            if reply.died:
                await kernel.alive_again()
                break
        statuses = list(kernel.statuses)
        await kernel.close()
    return said, statuses, server.log_lines(), traces


def of_jupyter(statuses, log):
    lines = ["In the notebook:"]
    text = dialog()
    if text:
        lines.append(f"  {text}")
    lines += ["", "Kernel status messages:", "  " + ", ".join(s for s in statuses[-4:]), "", "Server log:"]
    lines += ["  " + re.sub(r"^\[\w \S+ \S+ \w+\] ", "", line) for line in log if "restart" in line]
    return [re.sub(r"\b([0-9a-f]{8})-[0-9a-f-]{27}\b", r"\1…", line) for line in lines]


async def first_run(folder, library):
    tell(STEP + "The environment was copied to a disk that had no room for all of it")
    copy_to_full_disk(library)
    tell("\n" + STEP + f"Jupyter Notebook, recorded by kshim; {NOTEBOOK} is opened and its cells are run")
    said, statuses, log, traces = await play(folder)
    comparison(of_jupyter(statuses, log), traces)
    code, data = analyze(traces, "--json")
    report = json.loads(data)
    verdict, ending = report["verdict"], report["ending"]
    seen("the kernel died in cell [2], `import keras`, and Jupyter restarted it without a reason",
         len(said) == 2 and said[1].died and "restarting" in statuses and any("restarting kernel" in line for line in log))
    seen("a real SIGBUS ended it", code == 0 and ending.get("signal") in ("SIGBUS", 7))
    seen("the cause, proven: load.truncated-library",
         verdict["cause"] == "load.truncated-library" and verdict["confidence"] == "proven" and len(verdict["evidence"]) > 0)
    seen("the file by its name", os.path.basename(library) in json.dumps(verdict))
    frames = report["python_stack"]
    seen("the cell, the line in it, and the way from there through Keras to NumPy",
         (report["process"].get("kernel") or {}).get("cell") == 2 and any("ipykernel_" in f["file"] and f["line"] == 1 for f in frames)
         and all(any(f"/{name}/" in f["file"] and f["line"] for f in frames) for name in ("keras", "numpy")))
    seen("the native stack with names of functions", sum(bool(f.get("function") or f.get("symbol")) for f in report["native_stack"]) >= 3)
    return report


async def second_run(folder, report, library):
    command = fix_of(report)
    seen("a fix that can be typed", command is not None)
    tell("\n" + STEP + "The cause is removed, by what the report says:")
    command = command or own_mending()
    tell("    $ " + " ".join(shlex.quote(w) for w in command))
    if not reinstall(command):
        raise Broken("the command failed")
    seen("the library is whole again", os.path.getsize(library) == recorded_size(library))
    tell("\n" + STEP + "The same notebook again")
    said, statuses, log, traces = await play(folder, KSHIM_KEEP="always")
    comparison(["Kernel status messages:", "  " + ", ".join(statuses[-2:])], traces)
    code, data = analyze(traces, "--json")
    seen("every cell ran, a model was trained", len(said) == len(CELLS) and all(r.status == "ok" for r in said) and "trained" in said[-1].stdout)
    seen("no restart", not any("restarting kernel" in line for line in log))
    seen("kshim says that nothing died", code == 0 and json.loads(data)["verdict"]["cause"] == "none")


async def demo(folder):
    library = bundled_library()
    if os.path.getsize(library) != recorded_size(library):  # an earlier demo was killed
        reinstall(own_mending())
    try:
        report = await first_run(os.path.join(folder, "first"), library)
        await second_run(os.path.join(folder, "second"), report, library)
    finally:
        if not os.path.exists(library) or os.path.getsize(library) != recorded_size(library):
            reinstall(own_mending())


def main():
    global args
    parser = argparse.ArgumentParser(prog="demo")
    parser.add_argument("--lib", required=True)
    parser.add_argument("--analyze", required=True)
    parser.add_argument("--wheels", required=True)
    parser.add_argument("--plain", action="store_true", help="one column")
    parser.add_argument("--keep", help="leave the traces and the server's log in this folder")
    args = parser.parse_args()
    begun = time.monotonic()
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, lambda *_: sys.exit(143))
    folder = args.keep or tempfile.mkdtemp(prefix="kshim-demo-")
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="2")
    try:
        asyncio.run(asyncio.wait_for(demo(folder), 600))
    except (Broken, asyncio.TimeoutError) as e:
        missing.append(str(e) or "the end of the session within ten minutes")
        tell(f"!!! {missing[-1]}")
    except KeyboardInterrupt:
        return 130
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if missing:
        tell(f"\nThe demo did not show what it should: {'; '.join(missing)}.")
        return 1
    tell(f"\nAll of it was seen, in {time.monotonic() - begun:.0f} s. Your own: LD_PRELOAD={os.path.abspath(args.lib)} jupyter notebook, then {os.path.abspath(args.analyze)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
