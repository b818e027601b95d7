# SPDX-License-Identifier: MIT
"""
Secrets in the arguments of a command that a child executes, and that then ends its parent by a signal: `arguments.py send`. They
are made from the letters of a number, and `show` prints them: a password in an address, values of --token and --api-key=,
and one that looks like nothing ("argument"), which is kept where text is.
"""
import os
import sys
import time

from letters import make

argument, password, token, key = make(21), make(22), make(23), make(24)
if sys.argv[1] == "show":
    print(f"argument {argument}\npassword {password}\ntoken {token}\nkey {key}")
    sys.exit()
if os.fork() == 0:
    words = [argument, f"https://me:{password}@host/x", "--token", token, f"--api-key={key}"]
    os.execve("/bin/sh", ["sh", "-c", f"kill -TERM {os.getppid()}; sleep 1", "sh", *words], {**os.environ, "KSHIM": "off"})
time.sleep(20)
