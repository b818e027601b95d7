# SPDX-License-Identifier: MIT
# needs: java javac
# native: yes
# timeout: 120
#
# A Java VM lives on SIGSEGV: null checks of compiled code, stack overflows, safepoints; it asks for its
# signals with and without libjsig, before and behind ours; and its own death is its own.
exec 2>&1
ulimit -c 0
cat >Faults.java <<'END'
import java.util.*;
public class Faults {
	int value = 1;
	static int look(Faults f) { return f.value; }
	static int deep(int n) { return n + deep(n + 1); }
	static long work(int seed) {
		long sum = 0;
		List<byte[]> keep = new ArrayList<>();
		for (int i = 0; i < 3000; i++) {
			keep.add(new byte[20000]);
			if (keep.size() > 100) keep.clear();
			sum += i % (seed + 1);
		}
		return sum;
	}
	public static void main(String[] words) throws Exception {
		Faults one = new Faults();
		int nulls = 0, sum = 0, overflows = 0, zeros = 0;
		for (int i = 0; i < 60000; i++) {
			try { sum += look(i % 1000 == 999 ? null : one); } catch (NullPointerException e) { nulls++; }
			try { sum += 5 / (i % 1000); } catch (ArithmeticException e) { zeros++; }
		}
		for (int i = 0; i < 3; i++)
			try { deep(0); } catch (StackOverflowError e) { overflows++; }
		System.out.println("nulls " + nulls + " zeros " + zeros + " overflows " + overflows + " sum " + sum);
		Thread[] threads = new Thread[3];
		for (int i = 0; i < 3; i++) {
			final int n = i;
			threads[i] = new Thread(() -> { work(n); try { deep(0); } catch (StackOverflowError e) { } });
			threads[i].start();
		}
		for (Thread t : threads) t.join();
		System.gc();
		System.out.println("child " + new ProcessBuilder("sh", "-c", "exit 3").start().waitFor());
		Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
		String how = words.length > 0 ? words[0] : "";
		if (how.equals("term")) {
			new ProcessBuilder("kill", Long.toString(ProcessHandle.current().pid())).start().waitFor();
			Thread.sleep(20000);
		}
		if (how.equals("crash")) {
			java.lang.reflect.Field f = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe");
			f.setAccessible(true);
			((sun.misc.Unsafe) f.get(null)).putLong(8L, 1L);
		}
		System.exit(5);
	}
}
END
run() {
	java -Xmx64m -XX:+UseSerialGC -XX:-UsePerfData -Xshare:auto -cp . "$@" 2>&1 | grep -v -e '^#' -e '^$' -e 'core dump' -e ' Aborted '
	echo "status ${PIPESTATUS[0]}"
}
javac -nowarn Faults.java 2>/dev/null || exit 1
java() { command java "$@"; }
run Faults
run Faults term
run Faults crash
ls hs_err* 2>/dev/null | wc -l
jsig=$(dirname "$(dirname "$(readlink -f "$(type -P java)")")")/lib/libjsig.so
if [ -e "$jsig" ]; then
	plain=$LD_PRELOAD
	java() { LD_PRELOAD="$plain $jsig" command java "$@"; }
	run Faults
	java() { LD_PRELOAD="$jsig $plain" command java "$@"; }
	run Faults
fi
