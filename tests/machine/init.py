#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Process 1 of the machine that tests/run-machine boots: it mounts what a system has, and each method of Machine is a test. A
victim (victim.py) is killed for real; then kshim-analyze must say why, with the kernel's log and without it.
"""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, "/")
libc = ctypes.CDLL(None, use_errno=True)
PYTHON, VICTIM, TRACES, GROUPS = "/usr/bin/python3", "/victim.py", "/tmp/traces", "/sys/fs/cgroup"
POWER_OFF = 0x4321fedc      # reboot(2)
MIB = 1 << 20
PATIENCE = 900      # seconds: the machine is emulated, on one that may be busy


def mount(kind, where):
    os.makedirs(where, exist_ok=True)
    if libc.mount(kind.encode(), where.encode(), kind.encode(), 0, None):
        print(f"# mount of {kind}: {os.strerror(ctypes.get_errno())}", flush=True)


def start():
    os.environ.update(PATH="/usr/bin:/bin", HOME="/root", LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1")
    for kind, where in (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp"), ("cgroup2", GROUPS)):
        mount(kind, where)
    os.makedirs("/dev/shm", exist_ok=True)
    mount("tmpfs", "/dev/shm")
    os.chmod("/tmp", 0o1777)
    with open(GROUPS + "/cgroup.subtree_control", "w") as f:
        f.write("+memory +pids")


def write(path, text):
    with open(path, "w") as f:
        f.write(str(text))


def read(path):
    with open(path) as f:
        return f.read()


class Group:
    """A cgroup under the root, or under another; removed at the end."""

    def __init__(self, name, limit=None, under=GROUPS, **files):
        self.path = f"{under}/{name}"
        os.mkdir(self.path)
        if limit:
            write(self.path + "/memory.max", limit)
        for name, value in files.items():
            write(f"{self.path}/{name.replace('_', '.')}", value)

    def __enter__(self):
        return self

    def remove(self):
        for path in (self.path + "/" + d for d in os.listdir(self.path) if os.path.isdir(f"{self.path}/{d}")):
            os.rmdir(path)
        os.rmdir(self.path)

    def __exit__(self, *_):
        if os.path.isdir(self.path):
            write(self.path + "/cgroup.kill", 1)
            for _ in range(100):
                try:
                    self.remove()
                    return
                except OSError:
                    time.sleep(0.02)


class NoLog:
    """The kernel's log cannot be read, as for most users."""

    def __enter__(self):
        os.rename("/dev/kmsg", "/dev/kmsg.away")

    def __exit__(self, *_):
        os.rename("/dev/kmsg.away", "/dev/kmsg")


class Machine:
    def environment(self, recorded=True, **more):
        env = kit.clean_environment(PYTHONDONTWRITEBYTECODE="1", **more)
        if recorded:
            env.update(LD_PRELOAD="/libkshim.so", KSHIM_DIR=TRACES)
        return env

    def run(self, *words, recorded=True, **more):
        done = kit.run([PYTHON, VICTIM, *words], self.environment(recorded, **more), PATIENCE)
        if done.timed_out:
            raise Skip(f"{' '.join(words)} took more than {PATIENCE} s: this machine is too slow now")
        return done

    def begin(self, *words, recorded=True):
        p = subprocess.Popen([PYTHON, VICTIM, *words], env=self.environment(recorded), stdout=subprocess.PIPE, universal_newlines=True)
        if p.stdout.readline() != "ready\n":
            raise Failed(f"{words}: not ready, status {p.wait()}")
        return p

    def report(self, what=TRACES):
        done = kit.run(["/kshim-analyze", "--json", what], kit.clean_environment(), 60)
        if done.status:
            raise Failed(f"kshim-analyze: status {done.status}: {done.output[-200:]}")
        return json.loads(done.output)

    def trace_of(self, pid):
        return next(f"{TRACES}/{n}" for n in os.listdir(TRACES) if n.endswith(f"-{pid}.trace"))

    def says(self, cause, confidence, *mention, what=TRACES, innocent=()):
        r = self.report(what)
        v = r["verdict"]
        text = json.dumps(v, ensure_ascii=False)
        if v["cause"] not in cause.split("|") or v["confidence"] not in confidence.split("|"):
            raise Failed(f"{v['confidence']} {v['cause']} ({v['title']}), not {confidence} {cause}; {r['ending']['kind']}: {' '.join(v['explanation'])}")
        for word in mention:
            if word not in text:
                raise Failed(f"no {word!r} in {text}")
        for word in innocent:
            if word in text:
                raise Failed(f"{word!r} in {text}")
        return r

    # --- a limit of a cgroup, version 2 ---

    def limit_of_a_cgroup(self):
        with Group("box", 96 * MIB) as box:
            self.run("spawns", "grows", box.path)
            self.says("mem.oom-killed-cgroup", "proven", "96 MiB", box.path, "Memory cgroup out of memory")

    def limit_of_a_cgroup_by_the_parents_counters(self):
        with Group("box", 96 * MIB) as box, NoLog():
            self.run("spawns", "grows", box.path)
            self.says("mem.oom-killed-cgroup", "proven", "96 MiB", box.path, "oom_kill of the cgroup rose by 1")

    def limit_of_a_cgroup_by_the_analyzers_look(self):
        with Group("box", 96 * MIB) as box, NoLog():
            self.run("grows", box.path)
            self.says("mem.oom-killed-cgroup", "proven", "96 MiB", box.path)

    def limit_of_a_cgroup_that_has_gone(self):
        with Group("box", 96 * MIB) as box:
            self.run("grows", box.path)
            box.remove()
            self.says("mem.oom-killed-cgroup", "proven", "96 MiB", "Memory cgroup out of memory")

    def limit_of_a_cgroup_that_has_gone_with_its_proof(self):
        with Group("box", 96 * MIB) as box, NoLog():
            self.run("grows", box.path)
            box.remove()
            self.says("mem.oom-killed-cgroup", "likely", "96 MiB", "could not be read")

    def limit_of_a_cgroup_above(self):
        with Group("outer", 96 * MIB) as outer, NoLog():
            write(outer.path + "/cgroup.subtree_control", "+memory")
            with Group("inner", under=outer.path) as inner:
                self.run("spawns", "grows", inner.path)
                self.says("mem.oom-killed-cgroup", "proven", "96 MiB", outer.path)

    def all_of_a_cgroup_are_killed(self):
        """memory.oom.group: a worker takes too much, its parent dies with it."""
        with Group("box", 96 * MIB, memory_oom_group=1) as box:
            self.run("spawns", "grows", box.path, "+", "holds", "8", box.path)
            for name in sorted(os.listdir(TRACES)):
                r = self.report(f"{TRACES}/{name}")
                if r["ending"]["kind"] != "clean" and "spawns" not in r["process"]["argv"]:
                    self.says("mem.oom-killed-cgroup", "proven", "96 MiB", what=f"{TRACES}/{name}")

    def all_of_a_cgroup_are_killed_without_a_log(self):
        """One of them took nothing: that it died of it is likely, no more."""
        with Group("box", 96 * MIB, memory_oom_group=1) as box, NoLog():
            self.run("spawns", "grows", box.path, "+", "holds", "8", box.path)
            found = [self.report(f"{TRACES}/{n}") for n in os.listdir(TRACES)]
            for r in (r for r in found if "spawns" not in r["process"]["argv"]):
                v = r["verdict"]
                if v["cause"] != "mem.oom-killed-cgroup" or (v["confidence"] != "proven" and "grows" in r["process"]["argv"]):
                    raise Failed(f"{r['process']['argv'][-2:]}: {v['confidence']} {v['cause']}: {' '.join(v['explanation'])}")

    def limit_of_a_container_with_its_own_namespace(self):
        """Its own cgroup namespace: the path is / there."""
        with Group("box", 96 * MIB) as box, NoLog():
            code = ("import ctypes, os, sys\n"
                    "open(sys.argv[1] + '/cgroup.procs', 'w').write(str(os.getpid()))\n"
                    "l = ctypes.CDLL(None)\n"
                    "assert l.unshare(0x02000000 | 0x00020000) == 0\n"
                    "assert l.mount(None, b'/', None, 0x44000, None) == 0\n"
                    "assert l.umount2(b'/sys/fs/cgroup', 2) == 0\n"
                    "assert l.mount(b'cgroup2', b'/sys/fs/cgroup', b'cgroup2', 0, None) == 0\n"
                    "os.environ.update(LD_PRELOAD='/libkshim.so')\n"
                    "os.execv(sys.executable, [sys.executable, '/victim.py', 'spawns', 'grows'])")
            kit.run([PYTHON, "-c", code, box.path], self.environment(False, KSHIM_DIR=TRACES), PATIENCE)
            r = self.says("mem.oom-killed-cgroup|killed.unknown", "proven|likely")
            if r["verdict"]["cause"] == "killed.unknown" and "grows" in r["process"]["argv"]:
                raise Failed("its parent was in the same container, and knows")

    # --- who must not be accused ---

    def somebody_else_was_the_victim(self):
        """One of a cgroup is killed by the kernel, then an idle one by somebody: it did not want for memory."""
        for hidden in (False, True):
            with Group("box", 96 * MIB) as box:
                parent = subprocess.Popen([PYTHON, "-c", "import subprocess, sys\n"
                                           "a = subprocess.Popen([sys.executable, '/victim.py', 'holds', '30', sys.argv[1]], stdout=subprocess.PIPE)\n"
                                           "a.stdout.readline()\n"
                                           "b = subprocess.Popen([sys.executable, '/victim.py', 'grows', sys.argv[1]])\n"
                                           "b.wait()\nprint(a.pid, b.pid, flush=True)\nsys.exit(a.wait() != -9)\n", box.path],
                                          env=self.environment(), stdout=subprocess.PIPE, universal_newlines=True)
                idle, grown = map(int, parent.stdout.readline().split())
                os.kill(idle, signal.SIGKILL)
                parent.wait()
                if hidden:
                    with NoLog():
                        self.says("killed.unknown", "proven", what=self.trace_of(idle))
                        self.says("mem.oom-killed-cgroup", "proven", what=self.trace_of(grown))
                else:
                    self.says("killed.unknown", "proven", what=self.trace_of(idle))
                    self.says("mem.oom-killed-cgroup", "proven", what=self.trace_of(grown))

    def somebody_else_was_the_victim_and_nobody_waited(self):
        """As before, without a recorded parent and without the log: at most likely."""
        with Group("box", 96 * MIB) as box, NoLog():
            idle = self.begin("holds", "30", box.path)
            self.run("grows", box.path, recorded=False)
            os.kill(idle.pid, signal.SIGKILL)
            idle.wait()
            self.says("killed.unknown|mem.oom-killed-cgroup", "proven|likely", what=self.trace_of(idle.pid))
            v = self.report()["verdict"]
            if v["cause"] == "mem.oom-killed-cgroup" and v["confidence"] == "proven":
                raise Failed("proven, and it was somebody else")

    def near_the_limit_and_killed_by_somebody(self):
        with Group("box", 96 * MIB) as box, NoLog():
            p = self.begin("holds", "80", box.path)
            p.kill()
            p.wait()
            self.says("killed.unknown", "proven", innocent=["OOM killer ended"])

    # --- the machine ---

    def the_machine_is_out_of_memory(self):
        self.run("spawns", "grows")
        self.says("mem.oom-killed-system", "proven", "Out of memory")

    def the_machine_is_out_of_memory_by_the_parents_counters(self):
        with NoLog():
            self.run("spawns", "grows")
            self.says("mem.oom-killed-system", "proven", "ran out of memory")

    def the_machine_is_out_of_memory_and_nobody_waited(self):
        with NoLog():
            self.run("grows")
            self.says("mem.oom-killed-system|killed.unknown", "likely|proven")

    def the_machine_was_out_of_memory_for_somebody_else(self):
        for hidden in (True, False):
            parent = subprocess.Popen([PYTHON, "-c", "import subprocess, sys\n"
                                       "a = subprocess.Popen([sys.executable, '/victim.py', 'holds', '30'], stdout=subprocess.PIPE)\n"
                                       "a.stdout.readline()\n"
                                       "b = subprocess.Popen([sys.executable, '/victim.py', 'grows'])\n"
                                       "b.wait()\nprint(a.pid, flush=True)\nsys.exit(a.wait() != -9)\n"],
                                      env=self.environment(), stdout=subprocess.PIPE, universal_newlines=True)
            idle = int(parent.stdout.readline())
            os.kill(idle, signal.SIGKILL)
            parent.wait()
            if hidden:
                with NoLog():
                    self.says("killed.unknown", "proven", what=self.trace_of(idle))
            else:
                self.says("killed.unknown", "proven", what=self.trace_of(idle))

    def a_daemon_ends_it_before_that(self):
        """earlyoom and its like send SIGTERM: told by name; no counter rises."""
        p = self.begin("holds", "100")
        code = f"import ctypes, os; ctypes.CDLL(None).prctl(15, b'earlyoom', 0, 0, 0); os.kill({p.pid}, 15); import time; time.sleep(1)"
        daemon = subprocess.Popen([PYTHON, "-c", code])
        p.wait()
        daemon.wait()
        self.says("killed.by-process", "proven", "earlyoom", "memory")

    # --- clocks and numbers ---

    def the_clock_is_set_while_it_runs(self):
        """A day back, then two ahead: the report's times come from the clock that is not set, and the death is still the newest."""
        now = time.time()
        try:
            for days in (-1, 2):
                with Group("box", 96 * MIB) as box:
                    p = self.begin("holds", "20", box.path)
                    time.clock_settime(time.CLOCK_REALTIME, now + days * 86400)
                    p.kill()
                    p.wait()
                    r = self.says("killed.unknown", "proven", what=self.trace_of(p.pid))
                    seconds = r["ending"].get("after_s", r["process"].get("seconds"))
                    if seconds is not None and not 0 <= seconds < 60:
                        raise Failed(f"after {seconds} s")
                time.clock_settime(time.CLOCK_REALTIME, now)
            lines = kit.run(["/kshim-analyze", "--list", TRACES], kit.clean_environment(), 60)
            if lines.status or len(lines.output.splitlines()) < 2:
                raise Failed(f"--list: {lines.status} {lines.output}")
        finally:
            time.clock_settime(time.CLOCK_REALTIME, now + 5)

    def its_number_is_used_again(self):
        """The pid of a dead process belongs to another one: its trace is still a dead one's."""
        with Group("box", 96 * MIB) as box:
            self.run("grows", box.path)
        path = f"{TRACES}/{os.listdir(TRACES)[0]}"
        pid = int(path.rsplit("-", 1)[1].split(".")[0])
        write("/proc/sys/kernel/ns_last_pid", pid - 1)
        other = subprocess.Popen([PYTHON, "-c", "print('ready', flush=True); import time; time.sleep(60)"], stdout=subprocess.PIPE)
        try:
            other.stdout.readline()
            if other.pid != pid:
                raise Skip(f"pid {other.pid}, not {pid}")
            r = self.report(path)
            if r["ending"]["kind"] != "killed" or r["verdict"]["cause"] != "mem.oom-killed-cgroup":
                raise Failed(f"{r['ending']} {r['verdict']['cause']}")
            r = self.report(str(pid))
            if r["ending"]["kind"] != "running" or r["verdict"]["cause"] != "none":
                raise Failed(f"asked for the process that lives: {r['ending']} {r['verdict']['cause']}")
        finally:
            other.kill()
            other.wait()

    # --- threads and processes ---

    def limit_of_a_pids_cgroup(self):
        with Group("box", pids_max=20) as box:
            self.run("threads", box.path)
            r = self.says("thread.limit|exit.by-program", "proven|likely")
            text = json.dumps(r)
            if "20" not in text or r["verdict"]["cause"] != "thread.limit" and "thread.limit" not in text:
                raise Failed(f"{r['verdict']}")

    # --- looking at a process that lives ---

    def who_may_not_trace_uses_the_recording(self):
        """Yama: 1 for another's, 2 without CAP_SYS_PTRACE, 3 for all."""
        if not os.path.exists("/proc/sys/kernel/yama/ptrace_scope"):
            raise Skip("no Yama")
        os.makedirs(TRACES, exist_ok=True)
        os.chown(TRACES, 65534, 65534)

        def nobody():
            os.setgid(65534)
            os.setuid(65534)
        for scope in (0, 1, 2, 3):
            write("/proc/sys/kernel/yama/ptrace_scope", scope)
            p = subprocess.Popen([PYTHON, VICTIM, "holds", "10"], env=self.environment(), stdout=subprocess.PIPE, preexec_fn=nobody)
            try:
                p.stdout.readline()
                for user in (nobody, None):
                    done = subprocess.run(["/kshim-analyze", "--json", str(p.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                          env=kit.clean_environment(KSHIM_DIR=TRACES), preexec_fn=user, universal_newlines=True, timeout=60)
                    who = f"scope {scope}, {'the same user' if user else 'root'}"
                    try:
                        r = json.loads(done.stdout)
                    except ValueError:
                        raise Failed(f"{who}: status {done.returncode} {done.stderr[-200:]}")
                    if r["ending"]["kind"] != "running" or r["verdict"]["cause"] != "none":
                        raise Failed(f"{who}: {r['ending']} {r['verdict']['cause']}")
                    refused = bool((r["live"] or {}).get("refused"))
                    if refused != (scope == 3 or (scope > 0 and bool(user))):
                        raise Failed(f"{who}: refused {(r['live'] or {}).get('refused')}")
                    if not r["process"]["argv"]:
                        raise Failed(f"{who}: the recording is not used: {r['process']}")
            finally:
                p.kill()
                p.wait()


def one(function):
    shutil.rmtree(TRACES, ignore_errors=True)
    try:
        function()
    except Failed:
        for name in sorted(os.listdir(TRACES)):
            dump = kit.run(["/kshim-analyze", "--dump", f"{TRACES}/{name}"], kit.clean_environment(), 60).output
            for line in dump.splitlines():
                if line.startswith(("checkpoint", "witness")) or "namespace" in line:
                    print(f"# {name[-12:]} {line[:300]}", flush=True)
        raise


def main():
    machine = Machine()
    only = [w[6:].split(",") for w in read("/proc/cmdline").split() if w.startswith("kshim=")][0]
    report = kit.Report([n for n in only if n])
    report.all([(n, one, getattr(machine, n)) for n, f in vars(Machine).items() if n.count("_") > 2 and n[0] != "_"], 1)
    report.end()


if __name__ == "__main__":
    if os.getpid() != 1:
        sys.exit("this sets clocks and switches its machine off at the end: only run-machine starts it, in a machine of its own")
    start()
    import kit
    from kit import Failed, Skip
    try:
        main()
    except BaseException as e:
        print(f"# init: {type(e).__name__}: {e}", flush=True)
    sys.stdout.flush()
    os.sync()
    libc.reboot(POWER_OFF)
    time.sleep(60)
