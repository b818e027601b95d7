#!/bin/bash
# SPDX-License-Identifier: MIT
# needs: python3
# The same preload from several places, as LD_PRELOAD and /etc/ld.so.preload, or a kernel.json and a module, would have
# it; and opened by the program, too: a program behaves as with one, and one of them records.
lib=${LD_PRELOAD:-}
copies=$PWD/copies
mkdir -p "$copies/a" "$copies/b"
if [ -n "$lib" ]; then
	cp "$lib" "$copies/a/first.so" && cp "$lib" "$copies/b/libkshim.so" || exit 1
fi
unset LD_PRELOAD
export KSHIM_DIR=$copies/traces
program='
import ctypes, os, signal, sys, threading
if sys.argv[1:]:
    ctypes.CDLL(sys.argv[1])
print(signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGSEGV))
t = threading.Thread(target=print, args=("a thread",)); t.start(); t.join()
pid = os.fork()
if pid == 0:
    os._exit(3)
print(os.waitpid(pid, 0)[1] >> 8)
try:
    ctypes.CDLL("libmissing.so.1")
except OSError as e:
    print(e)
sys.stdout.flush()
'
run() {
	local name=$1 preload=$2 end=$3
	shift 3
	rm -rf "$KSHIM_DIR"
	echo "$name"
	{ LD_PRELOAD=${lib:+$preload} python3 -c "$program$end" "$@" 2>&1; } 2>/dev/null
	echo "status $?"
	# The forked child has left one as well.
	[ -z "$lib" ] || [ "$(find "$KSHIM_DIR" -name '*.trace' | wc -l)" = 2 ] || echo "there are other traces: $(ls "$KSHIM_DIR")"
}
for end in 'os.abort()' 'ctypes.string_at(0)' 'os._exit(7)' 'os.kill(os.getpid(), signal.SIGTERM)'; do
	run one "$copies/a/first.so" "$end"
	run "two copies" "$copies/a/first.so:$copies/b/libkshim.so" "$end"
	run "the same, turned" "$copies/b/libkshim.so:$copies/a/first.so" "$end"
	run "one path twice" "$copies/a/first.so:$copies/a/first.so" "$end"
	run "opened, too" "$copies/a/first.so" "$end" "${lib:+$copies/b/libkshim.so}"
done
