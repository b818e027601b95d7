# SPDX-License-Identifier: MIT
# needs: gcc
# native: yes
# timeout: 120
#
# Children that the preload is not meant for: static, static-pie, without libc, scripts, setuid ones, those of
# another word size. All but the last see nothing of it; for a 32-bit program the loader says on fd 2 that
# the library is of another class, which nothing that is preloaded can prevent: with $LIB in the name and an empty
# library of that name for the other size, as kshim(7) tells, it says nothing.
exec 2>&1
trap 'rm -rf "$PWD"/*' EXIT
cat >child.c <<'END'
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void handler(int sig) { printf("handled %d\n", sig == SIGUSR1); }
int main(int argc, char **argv)
{
	int status = 0;
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	free(malloc(1000000));
	fflush(stdout);
	if (fork() == 0)
		_exit(5);
	wait(&status);
	printf("%d words, child %x, uid %d %d\n", argc, status, (int)getuid(), (int)geteuid());
	fflush(stdout);
	if (argc > 1 && argv[1][0] == 'c')
		abort();
	if (argc > 1 && argv[1][0] == 'e')
		execl(argv[0], argv[0], (char *)NULL);
	return argc;
}
END
ulimit -c 0
all() {
	echo "== $1: $("$@" 2>&1; echo "status $?")"
	echo "   $("$@" exec; echo "status $?")"
	echo "   $( ("$@" crash) 2>&1 | grep -v Aborted; echo "status ${PIPESTATUS[0]}")"
	echo "   $(env -i "$@" 2>&1; echo "status $?")"
	echo "   $(cd /; exec "$OLDPWD/$1" 2>&1)"
}
compile() {
	gcc -O1 -w -o "$@" child.c 2>/dev/null || echo "no $1 here"
}
compile ./dynamic
compile ./static -static
compile ./static-pie -static-pie
compile ./now -Wl,-z,now -Wl,-z,relro -pie
compile ./fixed -no-pie -Wl,-z,lazy
compile ./old -Wl,--hash-style=sysv,--disable-new-dtags
for program in ./dynamic ./static ./static-pie ./now ./fixed ./old; do
	[ -x $program ] && all $program
done
printf '#!%s/static one\n' "$PWD" >script
printf 'echo a script without a first line: $#\n' >bare
chmod 755 script bare
./script; echo "script: $?"
./bare a b; echo "bare: $?"
if gcc -nostdlib -static -w -o none -xc - <<'END'
#if defined(__x86_64__)
void _start(void) { __asm__ volatile("mov $60, %eax; mov $17, %edi; syscall"); }
#else
void _start(void) { __asm__ volatile("mov x8, #93; mov x0, #17; svc #0"); }
#endif
END
then ./none; echo "without libc: $?"; fi

# Setuid and setgid programs: the loader takes nothing from LD_PRELOAD that has a slash.
if [ "$(id -u)" = 0 ] && [ -x ./dynamic ]; then
	cp dynamic suid && chown 65534:65534 suid && chmod 6755 suid && chmod 755 .
	./suid; echo "setuid: $?"
	./suid crash 2>&1 | grep -v Aborted; echo "setuid: ${PIPESTATUS[0]}"
	./suid exec; echo "setuid: $?"
fi

# 32 bits.
if compile ./small -m32 && [ -x ./small ]; then
	./small 2>&1 | grep -v 'ld.so: object .* from LD_PRELOAD cannot be preloaded (wrong ELF class: ELFCLASS64): ignored'
	echo "32 bits: ${PIPESTATUS[0]}"
	if [ -n "$LD_PRELOAD" ]; then
		for folder in lib64 lib/x86_64-linux-gnu lib/aarch64-linux-gnu lib32 lib/i386-linux-gnu lib; do
			mkdir -p "with/$folder"
		done
		cp "$LD_PRELOAD" with/lib64/libkshim.so
		cp "$LD_PRELOAD" with/lib/x86_64-linux-gnu/libkshim.so
		echo 'int empty;' >empty.c
		gcc -m32 -shared -nostdlib -o with/lib32/libkshim.so empty.c
		cp with/lib32/libkshim.so with/lib/i386-linux-gnu/libkshim.so
		export LD_PRELOAD="$PWD/with/\$LIB/libkshim.so"
	fi
	./small; echo "32 bits, by \$LIB: $?"
	./dynamic; echo "and the other: $?"
fi
