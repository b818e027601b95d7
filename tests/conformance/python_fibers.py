# SPDX-License-Identifier: MIT
# venv: greenlet gevent wasmtime
"""
Stacks that are switched in the middle of C code (greenlet, gevent), and compiled code that lives on signals
(wasmtime: out-of-bounds reads, stack overflows and divisions are traps, not deaths).
"""
import os
import signal
import subprocess
import sys

import gevent
import gevent.pool
import gevent.subprocess
import greenlet
import wasmtime


def out(*words):
    print(*words, flush=True)


def greenlets():
    def count(n):
        for i in range(n):
            bytearray(300000)
            main.switch(i)
        return "done"
    main = greenlet.getcurrent()
    many = [greenlet.greenlet(count) for _ in range(200)]
    out("greenlets", sum(g.switch(20) for g in many), sum(g.switch() for g in many for _ in range(5)))
    g = greenlet.greenlet(lambda: os.kill(os.getpid(), signal.SIGUSR1) or "signalled")
    got = []
    signal.signal(signal.SIGUSR1, lambda *a: got.append(1))
    out(g.switch(), got)

    def raises():
        raise ValueError("out of a greenlet")
    try:
        greenlet.greenlet(raises).switch()
    except ValueError as e:
        out(e)

    def forks():
        pid = os.fork()
        if pid == 0:
            os._exit(3)
        return os.waitpid(pid, 0)[1]
    out("fork", greenlet.greenlet(forks).switch())


def gevents():
    jobs = [gevent.spawn(lambda i=i: (gevent.sleep(0.001 * (i % 3)), i)[1]) for i in range(300)]
    gevent.joinall(jobs)
    out("gevent", sum(j.value for j in jobs))
    out(gevent.subprocess.run(["sh", "-c", "echo hello; exit 3"], stdout=gevent.subprocess.PIPE))
    out(gevent.pool.ThreadPool(2).apply(sum, [range(10)]) if hasattr(gevent.pool, "ThreadPool") else gevent.get_hub().threadpool.apply(sum, ([1, 2],)))
    got = []
    gevent.signal_handler(signal.SIGUSR2, got.append, 1)
    os.kill(os.getpid(), signal.SIGUSR2)
    gevent.sleep(0.05)
    out("signal", got)


WASM = """(module
  (import "" "host" (func $host (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "div") (param i32 i32) (result i32) local.get 0 local.get 1 i32.div_s)
  (func (export "load") (param i32) (result i32) local.get 0 i32.load)
  (func $deep (export "deep") (param i32) (result i32) local.get 0 i32.const 1 i32.add call $deep i32.const 1 i32.add)
  (func (export "bad") unreachable)
  (func (export "back") (param i32) (result i32) local.get 0 call $host))"""


def wasm():
    store = wasmtime.Store()
    host = wasmtime.Func(store, wasmtime.FuncType([wasmtime.ValType.i32()], [wasmtime.ValType.i32()]), lambda n: len(bytearray(n)) + 1)
    exports = wasmtime.Instance(store, wasmtime.Module(store.engine, WASM), [host]).exports(store)
    out("load", exports["load"](store, 100), "div", exports["div"](store, 7, 2), "back", exports["back"](store, 300000))
    for i in range(3):
        for name, args in (("load", (1 << 30,)), ("div", (1, 0)), ("deep", (1,)), ("bad", ()), ("div", (-2 ** 31, -1))):
            try:
                exports[name](store, *args)
            except (wasmtime.Trap, wasmtime.WasmtimeError) as e:
                out(name, str(e).strip().splitlines()[-1])
    child = "import wasmtime, ctypes; wasmtime.Store(); ctypes.string_at(0)"
    out("its own death", subprocess.run([sys.executable, "-c", child]).returncode)


if __name__ == "__main__":
    greenlets()
    gevents()
    wasm()
