/* SPDX-License-Identifier: MIT */
/* A small trace with one of everything, for the tests of the reader. */
#ifndef SAMPLE_H
#define SAMPLE_H

static const char sample[] =
	"header pid=100 ppid=99 end_kind=1 end_code=11\n"
	"info time=0.001 key=\"argv\" value=\"/usr/bin/python3 -m ipykernel_launcher -f 'a b.json'\"\n"
	"info key=\"exe\" value=\"/usr/bin/python3.11\"\n"
	"env name=\"LD_LIBRARY_PATH\" value=\"/opt/lib\"\n"
	"env name=\"SECRET_TOKEN\"\n"
	"limit resource=9 soft=-1 hard=-1\n"
	"limit_set time=0.5 resource=9 soft=1000000 hard=2000000 result=0\n"
	"limit_set time=0.6 resource=9 soft=5 hard=5 result=-1\n"
	"kernel connection=\"/run/kernel-1.json\" notebook=\"/home/a/n\\x00b.ipynb\"\n"
	"py_ready time=0.7 version=\"3.11.7 (main) [GCC]\" prefix=\"/venv\" base_prefix=\"/usr\"\n"
	"py_import time=0.71 name=\"numpy\"\n"
	"load_begin time=0.8 id=1 path=\"/opt/a.so\" flags=2 caller=0x7f0000001100\n"
	"load_end time=0.9 id=1 ok=0 error=\"libb.so.1: cannot open shared object file: No such file or directory\"\n"
	"load_begin time=1.0 id=2 path=\"/opt/c.so\" flags=2 caller=0x7f0000001200\n"
	"load_begin time=1.1 id=3 path=\"/opt/d.so\" outer=2 caller=0x7f0001001300 in_load=2\n"
	"alloc_big time=1.15 size=4194304 address=0x1000 stack=0x7f0000001500,0x7f0000001600\n"
	"exit_call time=1.2 tid=101 function=\"exit\" status=1 caller=0x7f0002001400 stack=0x7f0002001400,0x7f0000001500 load=3\n"
	"py_cell time=1.3 count=7 file=\"/tmp/ipykernel_100/1.py\" lines=2 hash=5\n"
	"crash time=1.4 tid=101 signal=11 code=1 address=0x10 pc=0x7f0002001234 sp=0x7ffe00001000 in_load=3\n"
	"module path=\"/usr/bin/python3.11\" flags=8 build_id=0102030405060708090a0b0c0d0e0f1011121314\n"
	"module path=\"/opt/c.so\" soname=\"libc-of-c.so.1\" load=2 load_time=1.05\n"
	"module path=\"/opt/d.so\" load=3 load_time=1.16 file_size=100 need_size=200\n"
	"module path=\"/opt/old.so\" base=0x7f0009000000 start=0x7f0009000000 end=0x7f0009100000 load_time=0.1 unload_time=0.5\n"
	"module path=\"/opt/new.so\" base=0x7f0009000000 start=0x7f0009000000 end=0x7f0009100000 load_time=0.6\n"
	"thread tid=100 name=\"python3\" alloc_bytes=1000 free_bytes=400\n"
	"thread tid=101 name=\"worker\" start_time=0.2 stack_low=0x7ffe00000000 stack_high=0x7ffe00800000\n"
	"checkpoint time=0.3 reason=1 rss=1048576 vsize=2097152 cg_limit=8388608 threads=2\n"
	"checkpoint time=1.0 reason=2 rss=3145728 cg_oom_kill=0\n"
	"output text=\"first\\n\\x1b[31mred\\x1b[0m line\\nlast line\\n\"\n"
	"crash_area signal=11 code=1 tid=101 time=1.4 address=0x10 pc=0x7f0002001234 sp=0x7ffe00001000 opcode_address=0x7f0002001234 "
	"opcode_size=4 opcode=c5fdfec1\n"
	"block kind=maps text=\"7f0002000000-7f0002800000 r-xp 00000000 08:01 77 /opt/d.so\\n"
	"7ffe00000000-7ffe00800000 rw-p 00000000 00:00 0 [stack]\\n\"\n"
	"block kind=native tid=101 text=\"#0 0x7f0002001234 d.so spam(int, char)+0x34 src/d.c:12\\n"
	"#1 0x7f0001001300 c.so - -\\n#2 0x7f0000001100 python3.11 eval+0x10\\n\"\n"
	"block kind=statfs address=0x10 text=\"/dev/shm/x\\t0x1021994\\t4096\\t67108864\\t1000\"\n"
	"python tid=101 file=\"/home/a/b.py\" line=12 function=\"inner\"\n"
	"python tid=101 file=\"<ipython-input-7>\" line=1 function=\"<module>\"\n"
	"thread_info tid=101 state=\"R\" name=\"worker\" syscall=-1\n"
	"thread_info tid=102 state=\"S\" name=\"idle\" syscall=202\n"
	"witness pid=99 name=\"jupyter\" kind=1 status=11 cg_usage=-1\n";

#endif
