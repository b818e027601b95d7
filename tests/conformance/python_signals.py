# SPDX-License-Identifier: MIT
"""
Signals in Python: handlers, wake-up descriptors, masks, waits, timers, alarms, KeyboardInterrupt, faulthandler
in all its forms; what is left of them in children.
"""
import faulthandler
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time

ME = [sys.executable, "-S", "-c"]
got = []


def out(*words):
    print(*words, flush=True)


def scrub(text):
    return re.sub(r"0x[0-9a-f]+", "0x", text).replace(__file__, "FILE")


def handler(number, frame):
    got.append((number, frame.f_code.co_name))


def basics():
    for s in sorted(signal.valid_signals()):
        out(int(s), signal.getsignal(s))
    for s in (signal.SIGTERM, signal.SIGSEGV, signal.SIGUSR1, signal.SIGCHLD, signal.SIGRTMIN + 3):
        old = signal.signal(s, handler)
        signal.raise_signal(s)
        os.kill(os.getpid(), s)
        out(int(s), old, got[-2:], signal.signal(s, old) == handler)
    for bad in (0, 65, signal.SIGKILL):
        try:
            signal.signal(bad, handler)
        except (ValueError, OSError) as e:
            out(type(e).__name__, e)
    a, b = socket.socketpair()
    a.setblocking(False)
    b.setblocking(False)
    out("wakeup", signal.set_wakeup_fd(b.fileno()))
    signal.signal(signal.SIGUSR2, handler)
    os.kill(os.getpid(), signal.SIGUSR2)
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.05)
    out("wakeup", a.recv(10), signal.set_wakeup_fd(-1) == b.fileno())
    out("itimer", signal.getitimer(signal.ITIMER_REAL), signal.alarm(0))
    signal.siginterrupt(signal.SIGALRM, True)
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    out("select", select.select([a], [], [], 0.1), len(got) > 8)
    signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)
    except KeyboardInterrupt:
        out("interrupted")


def waits():
    mask = {signal.SIGTERM, signal.SIGUSR1, signal.SIGSEGV}
    out("mask", signal.pthread_sigmask(signal.SIG_BLOCK, mask))
    t = threading.Thread(target=lambda: out("in a thread", sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))))
    t.start()
    t.join()
    out("child", subprocess.run(ME + ["import signal; print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))"], stdout=subprocess.PIPE).stdout)
    for s in sorted(mask):
        signal.pthread_kill(threading.get_ident(), s)
    out("pending", sorted(signal.sigpending()))
    out(signal.sigwait({signal.SIGTERM}), signal.sigwaitinfo({signal.SIGUSR1}).si_pid == os.getpid(),
        signal.sigtimedwait({signal.SIGSEGV}, 0).si_signo, signal.sigtimedwait({signal.SIGSEGV}, 0.01))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, mask)


def faults():
    out("faulthandler", faulthandler.is_enabled())
    with open("dump", "w+") as f:
        faulthandler.dump_traceback_later(0.05, file=f)
        time.sleep(0.2)
        faulthandler.dump_traceback_later(60, exit=True, file=f)
        faulthandler.cancel_dump_traceback_later()
        faulthandler.register(signal.SIGUSR1, file=f, chain=True)
        signal.raise_signal(signal.SIGUSR1) if signal.signal(signal.SIGUSR2, handler) is None else None
        out("registered", faulthandler.unregister(signal.SIGUSR1), faulthandler.unregister(signal.SIGUSR1))
        faulthandler.register(signal.SIGUSR1, file=f, all_threads=False)
        os.kill(os.getpid(), signal.SIGUSR1)
        f.seek(0)
        out(scrub(f.read()))
    for what in ("faulthandler._sigsegv()", "faulthandler._sigabrt()", "faulthandler._sigfpe()", "faulthandler._read_null()",
                 "faulthandler._fatal_error_c_thread()" if hasattr(faulthandler, "_fatal_error_c_thread") else "faulthandler._sigsegv(True)",
                 "import os; os.abort()", "import ctypes; ctypes.string_at(1)", "import signal; signal.raise_signal(signal.SIGILL)"):
        for enabled in ("faulthandler.enable(); ", ""):
            p = subprocess.run(ME + ["import faulthandler; " + enabled + what], stderr=subprocess.PIPE, universal_newlines=True)
            out(what, bool(enabled), p.returncode, scrub(p.stderr))
    p = subprocess.run(ME + ["import faulthandler, time; faulthandler.dump_traceback_later(0.05, exit=True); time.sleep(9)"],
                       stderr=subprocess.PIPE, universal_newlines=True)
    out(p.returncode, scrub(p.stderr).count("Timeout"))
    p = subprocess.run(ME + ["import sys\nsys.setrecursionlimit(10**7)\ndef f(x):\n    return [f(x)] if x else 0\nclass A:\n    def __repr__(s): return repr(s)\n"
                             "import faulthandler; faulthandler.enable()\nfaulthandler._stack_overflow()"],
                       stderr=subprocess.PIPE, universal_newlines=True)
    out(p.returncode, scrub(p.stderr).splitlines()[:1])


if __name__ == "__main__":
    basics()
    waits()
    faults()
