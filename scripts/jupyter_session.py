# SPDX-License-Identifier: MIT
"""
A real Jupyter server and its kernels, driven as a front end drives them: REST and websocket.

Used by scripts/demo and tests/run-jupyter; runs in the environment of the server (tornado is
there). Says what a front end could see, and nothing that only an insider would know. Everything
started here is ended by `async with`, whatever happens.
"""
import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

RESTARTING = ("restarting", "autorestarting")


class Broken(Exception):
    """What was waited for did not come about."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """`jupyter APP --no-browser` on the loopback with a token, its settings in folder/, its notebooks in folder/work."""

    def __init__(self, folder, app="notebook", environment=None, arguments=(), prefix=sys.prefix):
        self.folder, self.app, self.prefix = folder, app, prefix
        self.environment, self.arguments = dict(environment or {}), list(arguments)
        self.token, self.port, self.process = secrets.token_hex(16), free_port(), None
        self.work, self.log = os.path.join(folder, "work"), os.path.join(folder, "server.log")
        self.kernels = []

    def command(self):
        old = self.app == "notebook6"
        program = os.path.join(self.prefix, "bin", "jupyter-" + ("notebook" if old else self.app))
        top = "NotebookApp" if old else "ServerApp"
        return [os.path.join(self.prefix, "bin", "python"), program, "--no-browser", "--ip=127.0.0.1", f"--port={self.port}",
                f"--{top}.port_retries=0", f"--{'NotebookApp' if old else 'IdentityProvider'}.token={self.token}",
                *(["--allow-root"] if os.getuid() == 0 else []), *self.arguments]

    async def __aenter__(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "JPY_", "KSHIM", "LD_PRELOAD"))}
        for kind in ("config", "data", "runtime"):
            env[f"JUPYTER_{kind.upper()}_DIR"] = os.path.join(self.folder, kind)
            os.makedirs(env[f"JUPYTER_{kind.upper()}_DIR"], exist_ok=True)
        os.makedirs(self.work, exist_ok=True)
        env.update(IPYTHONDIR=os.path.join(self.folder, "ipython"), PATH=os.path.join(self.prefix, "bin") + ":" + env.get("PATH", ""))
        env.update(self.environment)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command(), env=env, cwd=self.work, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, start_new_session=True)
        try:
            await self.until("the server's answer", self.answers, 60)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_):
        for k in self.kernels:
            k.leave()
        if self.process.poll() is None:
            self.process.terminate()
            for _ in range(100):
                if self.process.poll() is not None:
                    break
                await asyncio.sleep(0.1)
        try:  # whatever it left in its session: nothing where it ended in order
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    async def until(self, what, condition, seconds=40):
        """Waits for condition() (a function or a coroutine function) and returns its value."""
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            if self.process.poll() is not None:
                raise Broken(f"{what} did not come: the server ended with status {self.process.returncode}: {self.log_tail()}")
            if time.monotonic() > end:
                raise Broken(f"{what} did not come within {seconds} s")
            await asyncio.sleep(0.05)

    def log_tail(self):
        return " / ".join(self.log_lines()[-3:])

    def log_lines(self):
        with open(self.log, errors="replace") as f:
            return f.read().splitlines()

    async def answers(self):
        try:
            return await self.rest("GET", "/api/status")
        except (OSError, urllib.error.URLError):
            return None

    async def rest(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": "token " + self.token, "Content-Type": "application/json"})

        def ask():
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return json.loads(text) if text else {}
        return await asyncio.get_running_loop().run_in_executor(None, ask)

    async def open_notebook(self, path, kernel_name="python3"):
        """A session for a notebook, as the front end asks for when the notebook is opened."""
        answer = await self.rest("POST", "/api/sessions", {"path": path, "name": path, "type": "notebook",
                                                           "kernel": {"name": kernel_name}})
        kernel = Kernel(self, answer["kernel"]["id"], answer["id"])
        self.kernels.append(kernel)
        await kernel.connect()
        return kernel


class Reply:
    """What came of one cell."""

    def __init__(self):
        self.status, self.stdout, self.stderr, self.error = None, "", "", ""
        self.idle = False       # its output comes by another channel than the answer: all of it is there

    @property
    def died(self):
        return self.status == "died"


class Kernel:
    def __init__(self, server, kernel_id, session_id):
        self.server, self.id, self.session_id = server, kernel_id, session_id
        self.client, self.statuses, self.replies, self.deaths = uuid.uuid4().hex, [], {}, 0
        self.socket = self.reader = None
        self.asked = False

    async def connect(self):
        request = HTTPRequest(f"ws://127.0.0.1:{self.server.port}/api/kernels/{self.id}/channels?session_id={self.client}",
                              headers={"Authorization": "token " + self.server.token}, request_timeout=600, connect_timeout=60)
        self.socket = await websocket_connect(request)
        self.reader = asyncio.create_task(self.listen())
        await self.server.until("the kernel's first word", lambda: "idle" in self.statuses or self.ask_info(), 60)

    def leave(self):
        if self.reader:
            self.reader.cancel()
        if self.socket:
            self.socket.close()

    def ask_info(self):
        if not getattr(self, "info_asked", False) or time.monotonic() > self.info_asked + 2:
            self.info_asked = time.monotonic()
            self.send("kernel_info_request", {})

    def send(self, kind, content):
        message = uuid.uuid4().hex
        self.socket.write_message(json.dumps({
            "header": {"msg_id": message, "msg_type": kind, "username": "", "session": self.client, "version": "5.3", "date": ""},
            "parent_header": {}, "metadata": {}, "channel": "shell", "buffers": [], "content": content}))
        return message

    async def listen(self):
        while True:
            text = await self.socket.read_message()
            if text is None:
                self.statuses.append("closed")
                return
            if isinstance(text, bytes):
                continue
            message = json.loads(text)
            kind = (message.get("header") or {}).get("msg_type") or message.get("msg_type")
            reply = self.replies.get((message.get("parent_header") or {}).get("msg_id"))
            self.take(kind, message.get("content") or {}, reply)

    def take(self, kind, content, reply):
        if kind == "status":
            state = content["execution_state"]
            if not self.statuses or self.statuses[-1] != state:
                self.statuses.append(state)
                if state in RESTARTING + ("dead",) and not self.asked:
                    self.deaths += 1
            if reply and state == "idle":
                reply.idle = True
        elif reply is None:
            return
        elif kind == "stream" and content["name"] == "stdout":
            reply.stdout += content["text"]
        elif kind == "stream":
            reply.stderr += content["text"]
        elif kind == "execute_reply":
            reply.status = content["status"]
            if reply.status == "error":
                reply.error = f"{content.get('ename')}: {content.get('evalue')}"

    async def run(self, code, seconds=120):
        """Executes a cell; the reply's status is ok, error, or died."""
        before = self.deaths
        reply = Reply()
        message = self.send("execute_request", {"code": code, "silent": False, "store_history": True, "user_expressions": {},
                                                "allow_stdin": False, "stop_on_error": True})
        self.replies[message] = reply
        gone = lambda: self.deaths > before or "closed" in self.statuses
        await self.server.until("an answer to the cell", lambda: reply.status or gone(), seconds)
        await self.server.until("the end of the cell's output", lambda: reply.idle or gone(), 60)
        if reply.status is None:
            reply.status = "died"
        return reply

    async def restart(self):
        self.asked = True
        await self.server.rest("POST", f"/api/kernels/{self.id}/restart", {})
        await asyncio.sleep(0.5)
        self.asked = False

    async def alive_again(self):
        """After a death: until the kernel that the server started in its place answers."""
        place = len(self.statuses)
        self.info_asked = 0
        await self.server.until("the restarted kernel", lambda: "idle" in self.statuses[place:] or self.ask_info(), 60)

    async def close(self):
        self.asked = True
        await self.server.rest("DELETE", f"/api/sessions/{self.session_id}")
        self.leave()
        self.server.kernels.remove(self)
