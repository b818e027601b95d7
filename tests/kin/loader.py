# SPDX-License-Identifier: MIT
"""
loader.py HOW [torch]: workers load data, and one of them dies: crash, exit, kill (by itself), grow (it takes memory without
end), or sleep until somebody else ends it. With torch it is PyTorch's DataLoader; without, a loader that looks after its
workers as that one does (torch/utils/data/_utils/signal_handling.py): at SIGCHLD it asks for each without reaping it.
"""
import ctypes
import multiprocessing
import os
import signal
import sys
import time


def work(how):
    print("worker", os.getpid(), flush=True)
    if how == "crash":
        ctypes.string_at(8)
    if how == "exit":
        os._exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    kept = []
    while how == "grow":
        kept.append(bytearray(b"x") * (1 << 20))
    time.sleep(600)


def check(*_):
    for w in workers:
        end = os.waitid(os.P_PID, w.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if end and end.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
            raise RuntimeError(f"DataLoader worker (pid {w.pid}) is killed by signal: {signal.strsignal(end.si_status)}. ")
        if end and end.si_status:
            raise RuntimeError(f"DataLoader worker (pid {w.pid}) exited unexpectedly with exit code {end.si_status}. ")


class Items:
    def __len__(self):
        return 4

    def __getitem__(self, i):
        if i == 1:
            work(sys.argv[1])
        return i


if __name__ == "__main__":
    if sys.argv[2:]:
        import torch
        for batch in torch.utils.data.DataLoader(Items(), num_workers=2):
            print(batch, flush=True)
        sys.exit(0)
    results = multiprocessing.Queue()
    workers = [multiprocessing.get_context("fork").Process(target=work, args=(how,), daemon=True) for how in ("sleep", sys.argv[1])]
    signal.signal(signal.SIGCHLD, check)
    for w in workers:
        w.start()
    results.get()
