# SPDX-License-Identifier: MIT
"""
Real servers, kernels and clients under the recorder, from within an environment that has them (run-jupyter makes it):
    sessions.py --lib FILE --analyze FILE GROUP [NAME...]
GROUP: notebook7, notebook6. Each test is a function; what a user would see is compared with what kshim-analyze says.
"""
import argparse
import asyncio
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "..", "scripts")]
import kit  # noqa: E402
from jupyter_session import Broken, Server  # noqa: E402
from kit import Failed, Skip  # noqa: E402

# Dies of a read at address 8 in libc's memmove or in ctypes: no fault of ours.
DEADLY = "def inner():\n    import ctypes\n    return ctypes.string_at(8)\ninner()"
args = None


def expect(condition, why):
    if not condition:
        raise Failed(why)


class Place:
    """A folder of one test: its server's, its traces'."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="kshim-jup-")
        self.traces = os.path.join(self.folder, "traces")

    def preload(self, **more):
        return dict(LD_PRELOAD=args.lib, KSHIM_DIR=self.traces, **more)

    def files(self):
        return sorted(glob.glob(os.path.join(self.traces, "*.trace")))

    def report(self, *what):
        done = kit.run([args.analyze, "--json", *(what or [self.traces])], kit.clean_environment(), 60)
        try:
            return json.loads(done.output)
        except ValueError:
            raise Failed(f"kshim-analyze: status {done.status}: {done.output.strip()[-200:]}")

    def none_died(self):
        """A folder of traces in which nothing died holds none of a kernel; what is there still runs or says none."""
        for f in self.files():
            r = self.report(f)
            expect(r["verdict"]["cause"] == "none", f"{os.path.basename(f)} ({' '.join(r['process'].get('argv') or [])[-80:]}): {r['ending']['kind']}, {r['verdict']['cause']}")


def in_a_place(function):
    """Runs an async test with a folder that goes away."""
    def test():
        place = Place()
        try:
            asyncio.run(asyncio.wait_for(function(place), 180))
        except Broken as e:
            raise Failed(str(e))
        except asyncio.TimeoutError:
            raise Failed("did not end within three minutes")
        finally:
            shutil.rmtree(place.folder, ignore_errors=True)
    test.__name__ = function.__name__
    return test


def about_the_kernel(r, cell=None, notebook=None):
    kernel = r["process"].get("kernel") or {}
    expect(r["ending"]["kind"] == "signal" and r["ending"].get("signal") in ("SIGSEGV", 11), f"ending {r['ending']}")
    expect(r["verdict"]["cause"].startswith("crash."), f"cause {r['verdict']['cause']}")
    expect("ipykernel" in json.dumps(r["process"].get("argv")), f"the report is not about a kernel: {r['process'].get('argv')}")
    expect(kernel.get("connection_file"), f"no connection file: {kernel}")
    if cell:
        expect(kernel.get("cell") == cell, f"cell {kernel.get('cell')}, not {cell}")
    if notebook:
        expect(notebook in str(kernel.get("notebook")), f"notebook {kernel.get('notebook')}, not {notebook}")
    names = [f.get("function") for f in r["python_stack"]]
    expect("inner" in names, f"Python frames {names}")
    expect(len(r["native_stack"]) >= 3, f"native frames {r['native_stack']}")


async def a_kernel_dies(place, app, **more):
    """Of a recorded server, in cell 2; then the restarted one lives, and nothing is said about it or the server."""
    async with Server(place.folder, app, place.preload()) as server:
        kernel = await server.open_notebook("work.ipynb")
        reply = await kernel.run("print(6 * 7)")
        expect(reply.stdout == "42\n", f"cell 1: {reply.status} {reply.stdout!r} {reply.error}")
        reply = await kernel.run(DEADLY)
        expect(reply.died, f"cell 2: {reply.status} {reply.error}")
        await kernel.alive_again()
        expect((await kernel.run("print(6 * 7)")).stdout == "42\n", "the restarted kernel does not answer")
        about_the_kernel(place.report(), 2, more.get("notebook"))
        expect(len(place.files()) >= 3, f"the server, the dead and the new kernel have a trace each: {place.files()}")
        await kernel.close()
    about_the_kernel(place.report(), 2)
    others = [f for f in place.files() if place.report(f)["verdict"]["cause"] != "none"]
    expect(len(others) == 1, f"bad ends: {others}")


@in_a_place
async def a_kernel_of_jupyter_notebook_dies(place):
    await a_kernel_dies(place, "notebook", notebook="work.ipynb")


@in_a_place
async def a_kernel_of_jupyterlab_dies(place):
    await a_kernel_dies(place, "lab")


@in_a_place
async def a_kernel_of_the_classic_notebook_dies(place):
    await a_kernel_dies(place, "notebook6")


@in_a_place
async def a_kernel_switched_on_in_kernel_json_dies(place):
    """kshim-kernelspec add; the server itself is not recorded."""
    home = os.path.join(place.folder, "data")
    spec = os.path.join(home, "kernels", "mine")
    os.makedirs(spec)
    with open(os.path.join(spec, "kernel.json"), "w") as f:
        json.dump({"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Mine",
                   "language": "python", "env": {"KSHIM_DIR": place.traces}}, f)
    done = subprocess.run([sys.executable, os.path.join(HERE, "..", "..", "scripts", "kshim-kernelspec"), "add", "--lib", args.lib, "mine"],
                          env=dict(os.environ, JUPYTER_DATA_DIR=home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    expect(done.returncode == 0, done.stdout)
    async with Server(place.folder, "server") as server:
        kernel = await server.open_notebook("work.ipynb", "mine")
        expect(len(place.files()) == 1, f"one trace, the kernel's: {place.files()}")
        expect((await kernel.run(DEADLY)).died, "the kernel lives")
        await kernel.alive_again()
        about_the_kernel(place.report(), 1)
        await kernel.close()


@in_a_place
async def healthy_kernels_leave_nothing(place):
    """Cells, output, an exception, an interrupt, a restart, a subprocess, a shutdown: as without it, and no death is told."""
    async with Server(place.folder, "server", place.preload()) as server:
        kernel = await server.open_notebook("work.ipynb")
        expect((await kernel.run("import sys; print('out'); print('err', file=sys.stderr)")).stderr == "err\n", "stderr of a cell")
        expect((await kernel.run("1 / 0")).error.startswith("ZeroDivisionError"), "an exception in a cell")
        done = await kernel.run("import subprocess; print(subprocess.run(['sh', '-c', 'echo child; exit 3'], capture_output=True, text=True))")
        expect("returncode=3, stdout='child\\n'" in done.stdout, f"a subprocess: {done.stdout!r} {done.error}")
        task = asyncio.ensure_future(kernel.run("import time\nfor i in range(600): time.sleep(0.1)"))
        await asyncio.sleep(1)
        await server.rest("POST", f"/api/kernels/{kernel.id}/interrupt", {})
        expect((await task).error.startswith("KeyboardInterrupt"), "an interrupt")
        await kernel.restart()
        await kernel.alive_again()
        expect((await kernel.run("print(2)")).stdout == "2\n", "after a restart")
        expect(kernel.deaths == 0, f"statuses {kernel.statuses}")
        await kernel.close()
    place.none_died()


@in_a_place
async def two_kernels_one_dies(place):
    """The report is about the one that died; the other one's trace says that it runs."""
    async with Server(place.folder, "server", place.preload()) as server:
        one, two = await server.open_notebook("one.ipynb"), await server.open_notebook("two.ipynb")
        expect((await two.run("x = 5; print(x)")).stdout == "5\n", "the second kernel")
        expect((await one.run(DEADLY)).died, "the first kernel lives")
        about_the_kernel(place.report(), 1, "one.ipynb")
        expect((await two.run("print(x)")).stdout == "5\n", "the second kernel after the first one's death")
        await one.alive_again()


def said(lines):
    return [x for x in lines if x.startswith("kshim: ")]


@in_a_place
async def the_server_says_one_line_for_each_death_and_none_for_a_restart(place):
    """Its own crash, somebody's kill -9, os._exit; then the user's restart of a kernel that does not answer, and a shutdown."""
    async with Server(place.folder, "server", place.preload()) as server:
        kernel = await server.open_notebook("work.ipynb")
        wanted = []
        for code, text in ((DEADLY, "SIGSEGV in "), ("import os; os.kill(os.getpid(), 9)", "SIGKILL"), ("import os; os._exit(3)", "_exit(3)")):
            reply = await kernel.run("import os; print(os.getpid())")
            wanted.append((reply.stdout.strip(), text))
            expect((await kernel.run(code)).died, f"{code!r}: the kernel lives")
            await kernel.alive_again()
        lines = said(server.log_lines())
        expect(len(lines) == len(wanted), f"{len(wanted)} deaths, and the server said {lines}")
        for line, (pid, text) in zip(lines, wanted):
            expect(f"kernel {pid} died: {text}" in line and ", cell 2; kshim-analyze " in line, f"{text}: {line}")
            path = line.split("kshim-analyze ")[1]
            expect(os.path.isfile(path) and f"-{pid}.trace" in path, f"no such trace: {line}")
            expect(place.report(path)["verdict"]["cause"] not in ("none", "mem.oom-killed-cgroup", "mem.oom-killed-system"), f"the report of {path}")
        task = asyncio.ensure_future(kernel.run("import time, signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(600)"))
        await asyncio.sleep(1)
        await kernel.restart()
        await kernel.alive_again()
        task.cancel()
        await kernel.close()
    expect(said(server.log_lines()) == lines, f"after a restart and a shutdown: {said(server.log_lines())[len(lines):]}")


@in_a_place
async def the_server_says_nothing_where_it_is_told_so(place):
    async with Server(place.folder, "server", place.preload(KSHIM_SAY="off")) as server:
        kernel = await server.open_notebook("work.ipynb")
        expect((await kernel.run("import os; os._exit(3)")).died, "the kernel lives")
        await kernel.alive_again()
        await kernel.close()
    expect(not said(server.log_lines()), f"{said(server.log_lines())}")


def kernelspec(place, name, code):
    """A kernel that runs code in place of ipykernel: python -c CODE -f CONNECTION."""
    spec = os.path.join(place.folder, "data", "kernels", name)
    os.makedirs(spec)
    with open(os.path.join(spec, "kernel.json"), "w") as f:
        json.dump({"argv": [sys.executable, "-c", code, "-f", "{connection_file}"], "display_name": name, "language": "python"}, f)


@in_a_place
async def five_deaths_at_the_start_are_one_story(place):
    """A kernel that cannot start: the server tries again until it gives up; the report is about the last and tells of the others."""
    kernelspec(place, "mine", "import ctypes\ndef kernel():\n    ctypes.string_at(8)\nkernel()")
    async with Server(place.folder, "server", place.preload(), ["--KernelRestarter.time_to_dead=0.3", "--AsyncIOLoopKernelRestarter.time_to_dead=0.3"]) as server:
        await server.rest("POST", "/api/kernels", {"name": "mine"})
        await server.until("the end of its patience", lambda: any("restart failed" in x for x in server.log_lines()), 90)
    r = place.report()
    expect(r["verdict"]["cause"].startswith("crash.") and r["ending"].get("signal") == "SIGSEGV", f"{r['ending']} {r['verdict']['cause']}")
    expect(len(r["earlier"]) >= 3 and all(e["same"] for e in r["earlier"]), f"earlier: {r['earlier']}")
    text = kit.run([args.analyze, place.traces], kit.clean_environment(COLUMNS="110"), 60).output
    n = len(r["earlier"]) + 1
    expect(f"died {n} times" in text and "same each time" in " ".join(text.split()), f"the report: {text[:800]}")
    expect(len(said(server.log_lines())) == n, f"{n} deaths, and the server said {said(server.log_lines())}")


@in_a_place
async def deaths_of_two_causes_one_after_the_other(place):
    """The second life dies of something else: the report says of what the first one died."""
    async with Server(place.folder, "server", place.preload()) as server:
        kernel = await server.open_notebook("work.ipynb")
        for code in (DEADLY, "import os; os._exit(3)"):
            expect((await kernel.run(code)).died, f"{code!r}: the kernel lives")
            await kernel.alive_again()
        r = place.report()
        expect(r["verdict"]["cause"] == "exit.by-program", f"cause {r['verdict']['cause']}")
        expect([(e["cause"][:6], e["same"]) for e in r["earlier"]] == [("crash.", False)], f"earlier: {r['earlier']}")


@in_a_place
async def an_idle_kernel_is_culled(place):
    """As it was asked to: nothing is said, nothing is a death."""
    idle = ["--MappingKernelManager.cull_idle_timeout=2", "--MappingKernelManager.cull_interval=1", "--MappingKernelManager.cull_connected=True"]
    async with Server(place.folder, "server", place.preload(KSHIM_KEEP="always"), idle) as server:
        answer = await server.rest("POST", "/api/kernels", {"name": "python3"})
        for _ in range(120):
            await asyncio.sleep(0.5)
            if not any(k["id"] == answer["id"] for k in await server.rest("GET", "/api/kernels")):
                break
        else:
            raise Failed("it was not culled")
        await asyncio.sleep(0.5)
    place.none_died()
    expect(not said(server.log_lines()), f"{said(server.log_lines())}")
    expect(len(place.files()) >= 2, f"{place.files()}")


@in_a_place
async def a_kernel_that_ignores_its_end_is_killed_by_its_server(place):
    """Shutdown, SIGTERM, SIGKILL: all of them the server's, so it ended as it was asked to."""
    kernelspec(place, "deaf", "import signal, time\nfor s in (2, 15): signal.signal(s, signal.SIG_IGN)\ntime.sleep(600)  # a kernel")
    quick = ["--KernelManager.shutdown_wait_time=1", "--AsyncKernelManager.shutdown_wait_time=1"]
    async with Server(place.folder, "server", place.preload(KSHIM_KEEP="always"), quick) as server:
        answer = await server.rest("POST", "/api/kernels", {"name": "deaf"})
        await asyncio.sleep(1.5)
        await server.rest("DELETE", "/api/kernels/" + answer["id"])
        await asyncio.sleep(0.5)
    place.none_died()
    expect(not said(server.log_lines()), f"{said(server.log_lines())}")


@in_a_place
async def the_server_is_killed_and_its_kernels_end_by_themselves(place):
    """ipykernel looks whether its parent is there (ParentPoller), once a second."""
    async with Server(place.folder, "server", place.preload()) as server:
        kernel = await server.open_notebook("work.ipynb")
        reply = await kernel.run("import os; print(os.getpid())")
        pid = int(reply.stdout)
        kernel.leave()
        server.process.kill()
        server.process.wait()
        for _ in range(100):
            if not os.path.exists(f"/proc/{pid}"):
                break
            await asyncio.sleep(0.1)
        else:
            raise Failed("the kernel lives on")
        r = place.report(next(f for f in place.files() if f.endswith(f"-{pid}.trace")))
        expect(r["verdict"]["cause"] in ("exit.parent-gone", "none"), f"{r['ending']}: {r['verdict']['cause']}: {r['verdict']['title']}")
        expect("parent" in json.dumps(r["verdict"]), f"{r['verdict']}")


@in_a_place
async def sys_exit_and_exit_in_a_cell_are_no_deaths(place):
    """IPython catches the one and asks the kernel to stop for the other."""
    async with Server(place.folder, "server", place.preload(KSHIM_KEEP="always")) as server:
        kernel = await server.open_notebook("work.ipynb")
        await kernel.run("import sys; sys.exit(3)")
        expect((await kernel.run("print(1)")).stdout == "1\n", "after sys.exit")
        await kernel.close()
    place.none_died()
    expect(not said(server.log_lines()), f"{said(server.log_lines())}")


def notebook_file(place, *cells):
    import nbformat
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = nbformat.v4.new_notebook(metadata={"kernelspec": spec}, cells=[nbformat.v4.new_code_cell(c) for c in cells])
    path = os.path.join(place.folder, "book.ipynb")
    nbformat.write(book, path)
    return path


@in_a_place
async def nbclient_reports_a_dead_kernel_and_kshim_why(place):
    path = notebook_file(place, "a = 1", DEADLY)
    code = ("import nbformat, nbclient, sys\nb = nbformat.read(sys.argv[1], 4)\n"
            "try:\n    nbclient.NotebookClient(b, kernel_name='python3', timeout=60).execute()\n"
            "except nbclient.exceptions.DeadKernelError as e:\n    print('dead:', e)")
    run = kit.run([sys.executable, "-c", code, path], kit.clean_environment(**place.preload()), 120, place.folder)
    expect("dead:" in run.output and run.status == 0, f"status {run.status}: {run.output[-200:]}")
    expect(len(said(run.output.splitlines())) == 1, f"nbclient's process says one line: {run.output[-300:]}")
    about_the_kernel(place.report(), 2)


@in_a_place
async def papermill_runs_as_without_it_and_reports_a_death(place):
    good, out = notebook_file(place, "print(6 * 7)"), os.path.join(place.folder, "out.ipynb")
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", good, out]
    run = kit.run(command, kit.clean_environment(**place.preload()), 120, place.folder)
    expect(run.status == 0 and "42" in open(out).read(), f"papermill: status {run.status}: {run.output[-200:]}")
    place.none_died()
    notebook_file(place, DEADLY)
    run = kit.run(command, kit.clean_environment(**place.preload()), 120, place.folder)
    expect(run.status != 0 and "DeadKernelError" in run.output, f"papermill: status {run.status}: {run.output[-200:]}")
    about_the_kernel(place.report())


@in_a_place
async def a_kernel_of_jupyter_console_dies(place):
    import pexpect
    env = kit.clean_environment(**place.preload(TERM="dumb", IPYTHONDIR=os.path.join(place.folder, "ipython")))
    # Now and then it misses the end of its first cell (the kernel's word comes before it listens) and waits for ever: begun anew.
    for last in (False, False, True):
        child = pexpect.spawn(sys.executable, ["-m", "jupyter_console", "--simple-prompt"], env=env, cwd=place.folder, timeout=60, encoding="utf-8")
        try:
            child.expect(r"In \[1\]:")
            child.sendline("print(6 * 7)")
            child.expect(r"In \[2\]:", timeout=60 if last else 20)
            break
        except pexpect.TIMEOUT as e:
            child.close(force=True)
            if last:
                raise Failed(f"jupyter console: {str(e).splitlines()[0]}: {str(child.before)[-200:]}")
    try:
        expect("42" in child.before, f"a healthy cell: {child.before}")
        child.sendline(r'exec("import ctypes\ndef inner(): return ctypes.string_at(8)\ninner()")')
        child.expect([r"In \[2\]:", "died", "dead", pexpect.EOF], timeout=60)     # it asks for cell 2 again
    except pexpect.ExceptionPexpect as e:
        raise Failed(f"jupyter console: {str(e).splitlines()[0]}: {str(child.before)[-200:]}")
    finally:
        child.close(force=True)
    about_the_kernel(place.report(), 2)


GROUPS = {
    "notebook7": [a_kernel_of_jupyter_notebook_dies, a_kernel_of_jupyterlab_dies, a_kernel_switched_on_in_kernel_json_dies,
                  the_server_says_one_line_for_each_death_and_none_for_a_restart, the_server_says_nothing_where_it_is_told_so,
                  healthy_kernels_leave_nothing, five_deaths_at_the_start_are_one_story, deaths_of_two_causes_one_after_the_other, an_idle_kernel_is_culled,
                  a_kernel_that_ignores_its_end_is_killed_by_its_server, the_server_is_killed_and_its_kernels_end_by_themselves,
                  sys_exit_and_exit_in_a_cell_are_no_deaths, two_kernels_one_dies, nbclient_reports_a_dead_kernel_and_kshim_why,
                  papermill_runs_as_without_it_and_reports_a_death, a_kernel_of_jupyter_console_dies],
    "notebook6": [a_kernel_of_the_classic_notebook_dies],
}


def main():
    global args
    parser = argparse.ArgumentParser()
    parser.add_argument("group", choices=GROUPS)
    args = kit.arguments(parser)
    report = kit.Report(args.only)
    report.all([(t.__name__, t) for t in GROUPS[args.group]], args.jobs)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
