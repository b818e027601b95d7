# SPDX-License-Identifier: MIT
"""
As a Jupyter server with many kernels: jupyter-crowd.py N CGROUP. It starts them, says its own descriptors and memory on
stdout, then obeys lines: "K WORDS" passes WORDS to kernel K's stdin; "K stop SIGNAL" sends it one, as a server that was
asked to; "look" polls each child as jupyter_client does (waitpid, WNOHANG), says who ended and how, and how long it took.
"""
import os
import resource
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def own():
    with open("/proc/self/statm") as f:
        rss = int(f.read().split()[1]) * resource.getpagesize() >> 10
    return f"{len(os.listdir('/proc/self/fd'))} {rss}"


def into(group):
    def enter():
        if group != "-":
            with open(group + "/cgroup.procs", "w") as f:
                f.write(str(os.getpid()))
    return enter


def main():
    n, group = int(sys.argv[1]), sys.argv[2]
    print(own(), flush=True)
    kernels = []
    for k in range(n):
        env = dict(os.environ, JPY_PARENT_PID=str(os.getpid()))
        kernels.append(subprocess.Popen([sys.executable, "-S", "-E", os.path.join(HERE, "kernel.py"), "-f", f"kernel-{k}.json"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True, preexec_fn=into(group), env=env))
    print(" ".join(p.stdout.readline().strip() for p in kernels), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "look":
            ended, slowest = [], 0
            for k, p in enumerate(kernels):
                before = p.returncode
                begun = time.perf_counter()
                now = p.poll()
                slowest = max(slowest, time.perf_counter() - begun)
                if before is None and now is not None:
                    ended.append(f"{k}:{now}")
            print(f"{slowest * 1e6:.0f} {own()}", *ended, flush=True)
        elif words[1] == "stop":
            kernels[int(words[0])].send_signal(getattr(signal, words[2]))
        else:
            kernels[int(words[0])].stdin.write(" ".join(words[1:]) + "\n")
            kernels[int(words[0])].stdin.flush()


main()
