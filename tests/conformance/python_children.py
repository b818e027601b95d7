# SPDX-License-Identifier: MIT
# timeout: 120
"""
Children of Python: subprocess in all its forms, os.fork and os.posix_spawn, multiprocessing by fork, spawn and
forkserver, pools, executors, asyncio's child watchers, daemons.
"""
import asyncio
import concurrent.futures
import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

ME = [sys.executable, "-S", "-c"]


def out(*words):
    print(*words, flush=True)


def subprocesses():
    out(subprocess.run(["sh", "-c", "echo hello; exit 3"], stdout=subprocess.PIPE).stdout, "run")
    for close_fds in (True, False):
        r, w = os.pipe()
        p = subprocess.run(["sh", "-c", f"echo to {'it' if close_fds else 'one that is closed'} >&{w}; ls /proc/self/fd | wc -l"],
                           pass_fds=[w] if close_fds else [], close_fds=close_fds, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.close(w)
        out("fds", close_fds, os.read(r, 100), p.returncode, p.stdout.splitlines()[-1])
        os.close(r)
    out("preexec", subprocess.run(["sh", "-c", "ulimit -n; umask"], preexec_fn=lambda: (
        __import__("resource").setrlimit(__import__("resource").RLIMIT_NOFILE, (77, 77)), os.umask(0o77)), stdout=subprocess.PIPE).stdout)
    try:
        subprocess.run(["true"], preexec_fn=lambda: 1 / 0)
    except subprocess.SubprocessError as e:
        out("preexec", e)
    for bad in (["/nonexistent"], ["/etc/passwd"], [""]):
        try:
            subprocess.run(bad)
        except OSError as e:
            out(type(e).__name__, e.errno)
    out("session", subprocess.run(["sh", "-c", "test $(ps -o sid= -p $$) = $$; echo $?"], start_new_session=True, stdout=subprocess.PIPE).stdout)
    out("restore", subprocess.run(["sh", "-c", "trap"], restore_signals=False, stdout=subprocess.PIPE).returncode)
    p = subprocess.Popen(["sleep", "60"])
    try:
        p.wait(0.05)
    except subprocess.TimeoutExpired:
        p.send_signal(signal.SIGTERM)
    out("killed", p.wait())
    out("system", os.system("exit 4"), os.popen("echo p").read())
    for s in ("SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM"):
        out(s, subprocess.run(ME + [f"import os, signal; os.kill(os.getpid(), signal.{s})"]).returncode)
    out("null", subprocess.run(ME + ["import ctypes; ctypes.string_at(0)"]).returncode)
    out("abort", subprocess.run(ME + ["import os; os.abort()"]).returncode)
    out("exit", subprocess.run(ME + ["import sys; sys.exit('a message')"], stderr=subprocess.PIPE).stderr)
    out("spawn", os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", "exit 6"], os.environ, setsigmask=[signal.SIGUSR1]), 0)[1])


def work(n):
    signal.signal(signal.SIGUSR1, lambda *a: None)
    os.kill(os.getpid(), signal.SIGUSR1)
    return n * n, len(bytearray(n * 1000))


def dies(how):
    if how == 0:
        os._exit(3)
    if how == 1:
        ctypes.string_at(8)
    if how == 2:
        raise ValueError("in a child")
    os.kill(os.getpid(), signal.SIGKILL)


def multi():
    for method in ("fork", "spawn", "forkserver"):
        c = multiprocessing.get_context(method)
        with c.Pool(2) as pool:
            out(method, sum(a for a, b in pool.map(work, range(30))))
        q, lock, value = c.Queue(), c.Lock(), c.Value("i", 0)
        ps = [c.Process(target=puts, args=(q, lock, value, i)) for i in range(3)]
        [p.start() for p in ps]
        got = sorted(q.get(timeout=30) for p in ps)
        [p.join() for p in ps]
        out(got, value.value, [p.exitcode for p in ps])
        for how in range(4) if method == "fork" else (1,):
            p = c.Process(target=quiet, args=(how,))
            p.start()
            p.join()
            out("died", method, how, p.exitcode)
    with concurrent.futures.ProcessPoolExecutor(2) as ex:
        try:
            list(ex.map(dies, [0]))
        except Exception as e:
            out(type(e).__name__)


def puts(q, lock, value, i):
    with lock:
        value.value += i
    q.put(i)


def quiet(how):
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    dies(how)


def forks():
    lock, done = threading.Lock(), []
    stop = threading.Event()
    t = threading.Thread(target=lambda: [bytearray(100000) for _ in iter(stop.is_set, True)])
    t.start()
    for i in range(20):
        pid = os.fork()
        if pid == 0:
            os._exit(i)
        done.append(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
    stop.set()
    t.join()
    out("forks", done == list(range(20)))
    pid = os.fork()
    if pid == 0:        # a daemon
        os.setsid()
        if os.fork():
            os._exit(0)
        os.close(0)
        time.sleep(0.05)
        with open("daemon", "w") as f:
            f.write("wrote")
        os._exit(0)
    os.waitpid(pid, 0)
    while not os.path.exists("daemon") or not open("daemon").read():
        time.sleep(0.01)
    out("daemon", open("daemon").read())


async def asyncs():
    ps = [await asyncio.create_subprocess_exec("sh", "-c", f"echo {i}; exit {i}", stdout=asyncio.subprocess.PIPE) for i in range(5)]
    out([((await p.communicate())[0], p.returncode) for p in ps])
    p = await asyncio.create_subprocess_exec("sleep", "60")
    p.kill()
    out("killed", await p.wait())
    loop, got = asyncio.get_running_loop(), []
    loop.add_signal_handler(signal.SIGUSR1, got.append, 1)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.sleep(0.05)
    out("signals", got)


if __name__ == "__main__":
    import warnings
    warnings.simplefilter("always")
    warnings.simplefilter("ignore", ResourceWarning)
    warnings.showwarning = lambda message, category, *_: out("warned", category.__name__)     # of a fork beside threads, from 3.12 on
    subprocesses()
    multi()
    forks()
    asyncio.run(asyncs())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    out("ignored", subprocess.run(["sh", "-c", "exit 5"]).returncode)
