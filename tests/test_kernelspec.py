#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kshim-kernelspec on real jupyter_client: every test is `ok NAME` or `not ok NAME - why`; run by tests/run-scripts."""
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scripts", "kshim-kernelspec")

# As IRkernel, ipykernel, a hand-written one and a one-liner lay them out.
LAYOUTS = {
    "indented": '{\n "argv": [\n  "python3",\n  "-m",\n  "ipykernel_launcher",\n  "-f",\n  "{connection_file}"\n ],\n "display_name": "P",\n "language": "python",\n "metadata": {\n  "debugger": true\n }\n}',
    "one-line": '{"argv":["R","--slave","-e","IRkernel::main()","--args","{connection_file}"],"display_name":"R","language":"R"}\n',
    "tabs": '{\n\t"display_name": "Größe",\n\t"language": "python",\n\t"env": {\n\t\t"A": "1",\n\t\t"B": "x y"\n\t},\n\t"argv": ["p", "{connection_file}"],\n\t"x": 1.0, "y": 1e5\n}\n',
    "crlf": '{\r\n  "env": {"ONE": "1"},\r\n  "argv": ["p"],\r\n  "display_name": "C",\r\n  "language": "c"\r\n}\r\n',
    "escapes": '{"argv": ["p", "\\u00e4\\/"], "display_name": "E", "language": "e", "metadata": {"env": {"LD_PRELOAD": "not this one"}}}',
}


# Jupyter without the kernels of its own environment and of the system: the tests must not touch those.
APART = ("import sys, runpy\nimport jupyter_core.paths as p\np.ENV_JUPYTER_PATH[:] = [sys.argv[1]]\np.SYSTEM_JUPYTER_PATH[:] = []\n"
         "sys.argv = sys.argv[2:]\nrunpy.run_path(sys.argv[0], run_name='__main__')")


class KernelSpec(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="kshim-spec-")
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.lib = os.path.join(self.root, "libkshim.so")
        open(self.lib, "w").close()

    def make(self, name, text):
        folder = os.path.join(self.root, "data", "kernels", name)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "kernel.json")
        with open(path, "w", newline="") as f:
            f.write(text)
        return path

    def read(self, path):
        with open(path, newline="") as f:
            return f.read()

    def run_it(self, *arguments, status=0, user=None):
        env = dict(os.environ, JUPYTER_DATA_DIR=os.path.join(self.root, "data"), HOME=self.root,
                   JUPYTER_CONFIG_DIR=os.path.join(self.root, "config"))
        env.pop("JUPYTER_PATH", None)
        done = subprocess.run([sys.executable, "-c", APART, self.root + "/env", SCRIPT, *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, **({"user": user, "group": user, "extra_groups": []} if user else {}))
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def test_add_and_remove_leave_every_byte_as_it_was(self):
        for name, text in LAYOUTS.items():
            with self.subTest(name):
                path = self.make(name, text)
                self.run_it("add", "--lib", self.lib, name)
                spec, before = json.loads(self.read(path)), json.loads(text)
                self.assertEqual(spec["env"].pop("LD_PRELOAD"), self.lib)
                self.assertEqual(spec["env"], before.get("env", {}))
                spec.pop("env"), before.pop("env", None)
                self.assertEqual(list(spec.items()), list(before.items()))
                self.run_it("remove", name)
                self.assertEqual(self.read(path), text)

    def test_twice_is_as_once(self):
        path = self.make("k", LAYOUTS["indented"])
        self.run_it("add", "--lib", self.lib, "k")
        once = self.read(path)
        self.assertIn("already", self.run_it("add", "--lib", self.lib, "k"))
        self.assertEqual(self.read(path), once)
        self.run_it("remove", "k")
        self.assertIn("was not recorded", self.run_it("remove", "k"))
        self.assertEqual(self.read(path), LAYOUTS["indented"])

    def test_another_preload_stays_behind_ours(self):
        path = self.make("k", '{"argv": ["p"], "display_name": "K", "language": "l", "env": {"LD_PRELOAD": "/x/libjemalloc.so.2 libfoo.so", "Z": "1"}}')
        self.run_it("add", "--lib", self.lib, "k")
        self.assertEqual(json.loads(self.read(path))["env"]["LD_PRELOAD"], f"{self.lib}:/x/libjemalloc.so.2:libfoo.so")
        self.run_it("remove", "k")
        self.assertEqual(json.loads(self.read(path))["env"], {"LD_PRELOAD": "/x/libjemalloc.so.2:libfoo.so", "Z": "1"})

    def test_a_new_place_of_the_library_replaces_the_old_one(self):
        path = self.make("k", '{"argv": ["p"], "display_name": "K", "language": "l", "env": {"LD_PRELOAD": "/old/libkshim.so:/x/a.so"}}')
        self.assertIn("not there", self.run_it("status", "k"))
        self.run_it("add", "--lib", self.lib, "k")
        self.assertEqual(json.loads(self.read(path))["env"]["LD_PRELOAD"], f"{self.lib}:/x/a.so")
        self.assertIn("recorded by", self.run_it("status", "k"))

    def test_all_means_every_kernel(self):
        paths = [self.make(n, t) for n, t in LAYOUTS.items()]
        self.run_it("add", "--all", "--lib", self.lib)
        for p in paths:
            self.assertEqual(json.loads(self.read(p))["env"]["LD_PRELOAD"], self.lib)

    def test_what_jupyter_reads_is_what_was_meant(self):
        from jupyter_client.kernelspec import KernelSpec as Spec
        path = self.make("k", LAYOUTS["tabs"])
        self.run_it("add", "--lib", self.lib, "k")
        self.assertEqual(Spec.from_resource_dir(os.path.dirname(path)).env, {"A": "1", "B": "x y", "LD_PRELOAD": self.lib})

    def test_an_unknown_kernel_is_named_with_those_there_are(self):
        self.make("here", LAYOUTS["indented"])
        said = self.run_it("add", "--lib", self.lib, "elsewhere", status=3)
        self.assertIn("'elsewhere'", said)
        self.assertIn("here", said)

    def test_a_broken_kernel_json_is_left_alone_and_the_others_are_done(self):
        broken, good = self.make("broken", '{"argv": ['), self.make("good", LAYOUTS["indented"])
        said = self.run_it("add", "--lib", self.lib, "broken", "good", status=1)
        self.assertIn("broken", said)
        self.assertEqual(self.read(broken), '{"argv": [')
        self.assertIn("LD_PRELOAD", self.read(good))

    def test_env_that_is_no_object_is_refused(self):
        text = '{"argv": ["p"], "display_name": "K", "language": "l", "env": []}'
        path = self.make("k", text)
        self.run_it("add", "--lib", self.lib, "k", status=1)
        self.assertEqual(self.read(path), text)

    def test_the_mode_of_the_file_stays_and_a_link_stays_a_link(self):
        path = self.make("k", LAYOUTS["indented"])
        target = os.path.join(self.root, "real.json")
        os.rename(path, target)
        os.symlink(target, path)
        os.chmod(target, 0o640)
        self.run_it("add", "--lib", self.lib, "k")
        self.assertTrue(os.path.islink(path))
        self.assertEqual(stat.S_IMODE(os.stat(target).st_mode), 0o640)
        self.assertIn(self.lib, self.read(target))
        self.assertEqual([f for f in os.listdir(os.path.dirname(path)) if f != "kernel.json"], [])

    def test_where_it_may_not_write_it_says_so_and_what_to_do(self):
        path = self.make("k", LAYOUTS["indented"])
        user = None
        if os.getuid() == 0:
            os.chmod(self.root, 0o755)
            os.chmod(os.path.dirname(path), 0o755)
            try:
                probe = subprocess.run([sys.executable, "-c", "import jupyter_client"], user=65534, group=65534, extra_groups=[], cwd="/").returncode
            except PermissionError:
                probe = 1
            if probe or not os.access(SCRIPT, os.R_OK):
                self.skipTest("another user cannot run this Python")
            user = 65534
        else:
            os.chmod(os.path.dirname(path), 0o555)
        said = self.run_it("add", "--lib", self.lib, "k", status=1, user=user)
        self.assertIn("may not write", said)
        self.assertIn("--user", said)
        self.assertEqual(self.read(path), LAYOUTS["indented"])

    def test_a_library_that_is_not_there_is_an_error(self):
        self.make("k", LAYOUTS["indented"])
        self.assertIn("no such file", self.run_it("add", "--lib", "/nowhere/libkshim.so", "k", status=1))

    def test_neither_kernel_nor_all_is_wrong_usage(self):
        self.run_it("add", status=2)
        self.run_it("remove", "--all", "k", status=2)

    def test_a_built_in_kernel_gets_a_file_and_loses_it_again(self):
        self.assertIn("built-in", self.run_it("status", "python3"))
        self.run_it("add", "--lib", self.lib, "python3")
        paths = [os.path.join(d, "kernel.json") for d, _, files in os.walk(self.root) if "kernel.json" in files]
        self.assertEqual(len(paths), 1)
        spec = json.loads(self.read(paths[0]))
        self.assertEqual(spec["env"]["LD_PRELOAD"], self.lib)
        self.assertIn("ipykernel_launcher", spec["argv"])
        self.assertIn("recorded by", self.run_it("status", "python3"))
        self.run_it("remove", "python3")
        self.assertFalse(os.path.exists(os.path.dirname(paths[0])))


if __name__ == "__main__":
    unittest.main()
