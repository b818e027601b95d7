# SPDX-License-Identifier: MIT
"""Ordinary work of a Python program: loops.py NAME prints milliseconds of its best lap."""
import asyncio
import json
import pickle
import re
import sys
import threading
import time

DATA = {"key%d" % i: [i, float(i), "text %d" % i, {"a": i}] for i in range(2000)}
TEXT = json.dumps(DATA)


def run_json():
    json.loads(json.dumps(DATA))


def run_pickle():
    pickle.loads(pickle.dumps(DATA, 4))


def run_dict():
    d = {}
    for i in range(40000):
        d[str(i)] = [i]
    return sum(len(v) for v in d.values())


def run_regex():
    return len(re.findall(r'"text (\d+)"', TEXT * 4))


def run_numpy():
    import numpy
    a = numpy.arange(400000.0)
    for _ in range(10):
        a = numpy.sqrt(a * 1.5 + 1)
    return a.sum()


def run_calls():
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)
    return fib(18)


class Body:
    def __init__(self, x, v):
        self.x, self.v = x, v

    def step(self, force):
        self.v += force * 0.01
        self.x += self.v * 0.01


def run_objects():
    bodies = [Body(float(i), 1.0) for i in range(300)]
    for _ in range(20):
        for body in bodies:
            body.step(-body.x)
    return sorted(b.x for b in bodies)


def run_text():
    return "".join(sorted(set(TEXT.replace(",", " ").upper().split()))).encode().decode()


def run_threads():
    def work():
        return [bytes(200 + i % 50) for i in range(4000)]
    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


async def serve(requests):
    """A server and four clients on the loopback: each request a line, answered by JSON."""
    async def answer(reader, writer):
        while line := await reader.readline():
            body = json.dumps({"asked": line.decode().strip(), "list": list(range(20))}).encode()
            writer.write(b"%d\n%b" % (len(body), body))
            await writer.drain()
        writer.close()

    async def client():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for i in range(requests // 4):
            writer.write(b"request %d\n" % i)
            json.loads(await reader.readexactly(int(await reader.readline())))
        writer.close()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await asyncio.gather(*(client() for _ in range(4)))
    server.close()


def run_server():
    asyncio.run(serve(800))


def main():
    work = globals()["run_" + sys.argv[1]]
    best = 1e9
    for _ in range(25):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    print("%.4f" % (best * 1e3))


main()
