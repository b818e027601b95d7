# SPDX-License-Identifier: MIT
# needs: go gcc python3
# native: yes
# timeout: 300
#
# Go's runtime beside libc: a program with cgo, and a library that Python has loaded. It asks for alternate stacks by system
# calls of its own, mends faults, and interrupts its threads by signals all the time.
exec 2>&1
ulimit -c 0
export GO111MODULE=off GOCACHE=${XDG_CACHE_HOME:-$HOME/.cache}/kshim-tests/go
cat >f.go <<'END'
package main

// #include <stdlib.h>
// static int c_work(int n) { char *p = malloc(n); if (!p) return -1; p[0] = 1; free(p); return n; }
import "C"
import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

type T struct{ a [10000]byte; v int }

//export look
func look(n int) (r int) {
	defer func() {
		if recover() != nil {
			r = -1
		}
	}()
	var p *T
	if n%2 == 1 {
		p = new(T)
	}
	return p.v
}

//export spin
func spin(n int) int {
	done := make(chan int)
	for i := 0; i < n; i++ {
		go func(i int) {
			x := make([][]byte, 0)
			for k := 0; k < 300; k++ {
				x = append(x, make([]byte, 10000))
			}
			done <- len(x) + int(C.c_work(C.int(i+1))) - i - 1 + look(i)
		}(i)
	}
	sum := 0
	for i := 0; i < n; i++ {
		sum += <-done
	}
	runtime.GC()
	return sum
}

func main() {
	fmt.Println(spin(50), look(0), look(1))
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGTERM)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(<-c)
	fmt.Println(exec.Command("sh", "-c", "exit 3").Run())
	busy := false
	go func() { for { busy = !busy } }()
	time.Sleep(30 * time.Millisecond)
	if len(os.Args) > 1 {
		var p *T
		go func() { fmt.Println(p.v) }()
		time.Sleep(time.Second)
	}
}
END
cat >g.py <<'END'
import ctypes, signal, os, sys, faulthandler
l = ctypes.CDLL("./libf.so")
print(l.spin(50), ctypes.c_int(l.look(0)).value, l.look(1))
signal.signal(signal.SIGUSR1, lambda *a: print("handled"))
os.kill(os.getpid(), signal.SIGUSR1)
pid = os.fork()
if pid == 0: os._exit(3)
print(os.waitpid(pid, 0)[1])
print(signal.getsignal(signal.SIGSEGV), l.spin(5))
sys.stdout.flush()
if len(sys.argv) > 1: ctypes.string_at(8)
END
LD_PRELOAD= go build -o f f.go && LD_PRELOAD= go build -buildmode=c-shared -o libf.so f.go || exit 1
run() {
	"$@" 2>&1 | grep -v -e '^#' -e ' Aborted ' -e ' Segmentation fault ' | sed 's/0x[0-9a-f]*/0x/g; s/goroutine [0-9]*/goroutine/g; s|^.*/f.go|f.go|'
	echo "status ${PIPESTATUS[0]}"
}
run ./f
run ./f crash
run python3 g.py
run python3 g.py crash
