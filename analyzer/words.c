/* SPDX-License-Identifier: MIT */
/* Sizes, times and signals in words; see words.h. */
#include "analyzer/words.h"

#include <signal.h>
#include <string.h>
#include <time.h>

const char *size_words(struct arena *a, uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	unsigned unit = 0;

	if (bytes == UNKNOWN)
		return "unlimited";
	while (value >= 1024 && unit < 6) {
		value /= 1024;
		unit++;
	}
	if (!unit)
		return arena_printf(a, "%llu bytes", (unsigned long long)bytes);
	return arena_printf(a, value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

const char *time_words(struct arena *a, int64_t ns)
{
	return arena_printf(a, "%+.3f s", (double)ns / 1e9);
}

const char *duration_words(struct arena *a, int64_t ns)
{
	double s = (double)ns / 1e9;

	if (s < 0.0995)
		return arena_printf(a, "%.0f ms", s * 1e3);
	if (s < 99.5)
		return arena_printf(a, s < 9.95 ? "%.1f s" : "%.0f s", s);
	if (s < 3600)
		return arena_printf(a, "%.0f min %.0f s", (double)((int64_t)s / 60), (double)((int64_t)s % 60));
	if (s < 172800)
		return arena_printf(a, "%lld h %lld min", (long long)s / 3600, (long long)s / 60 % 60);
	return arena_printf(a, "%lld days", (long long)s / 86400);
}

const char *clock_words(struct arena *a, int64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / 1000000000);
	struct tm tm;
	char text[64] = "";

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	return arena_text(a, text, strlen(text));
}

const char *iso_time(struct arena *a, int64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / 1000000000);
	struct tm tm;
	char text[64] = "";

	if (gmtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return arena_printf(a, "%s.%06lldZ", text, (long long)(realtime_ns % 1000000000 / 1000));
}

/* The numbers of Linux on x86_64 and aarch64 (signal(7)). */
static const struct {
	const char *name, *meaning;
} signals[] = {
	[1] = { "SIGHUP", "its terminal or session closed" },
	[2] = { "SIGINT", "an interrupt, as from Ctrl-C" },
	[3] = { "SIGQUIT", "quit, as from Ctrl-\\" },
	[4] = { "SIGILL", "an instruction that the processor refused" },
	[5] = { "SIGTRAP", "a trap instruction" },
	[6] = { "SIGABRT", "it gave up by itself" },
	[7] = { "SIGBUS", "a mapped page that could not be provided" },
	[8] = { "SIGFPE", "an impossible integer division" },
	[9] = { "SIGKILL", "killed from outside" },
	[10] = { "SIGUSR1", "" },
	[11] = { "SIGSEGV", "an access to memory that is not its own" },
	[12] = { "SIGUSR2", "" },
	[13] = { "SIGPIPE", "a write to a pipe that nobody reads" },
	[14] = { "SIGALRM", "a timer ran out" },
	[15] = { "SIGTERM", "a request to end" },
	[16] = { "SIGSTKFLT", "" },
	[17] = { "SIGCHLD", "" },
	[18] = { "SIGCONT", "" },
	[19] = { "SIGSTOP", "" },
	[20] = { "SIGTSTP", "" },
	[21] = { "SIGTTIN", "" },
	[22] = { "SIGTTOU", "" },
	[23] = { "SIGURG", "" },
	[24] = { "SIGXCPU", "its limit of CPU time is used up" },
	[25] = { "SIGXFSZ", "a file beyond its limit of size" },
	[26] = { "SIGVTALRM", "a timer ran out" },
	[27] = { "SIGPROF", "a profiling timer ran out" },
	[28] = { "SIGWINCH", "" },
	[29] = { "SIGIO", "" },
	[30] = { "SIGPWR", "" },
	[31] = { "SIGSYS", "a system call that is not allowed" },
};
#define NSIGNALS	(int)(sizeof(signals) / sizeof(signals[0]))

const char *signal_name(struct arena *a, int signal)
{
	if (signal > 0 && signal < NSIGNALS && signals[signal].name)
		return signals[signal].name;
	return arena_printf(a, "signal %d", signal);
}

const char *signal_meaning(int signal)
{
	return signal > 0 && signal < NSIGNALS && signals[signal].meaning ? signals[signal].meaning : "";
}

/* sigaction(2), "The siginfo_t argument to a SA_SIGINFO handler". */
const char *signal_code_name(int signal, int code)
{
	static const char *const segv[] = { NULL, "SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR" };
	static const char *const bus[] = { NULL, "BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR", "BUS_MCEERR_AO" };
	static const char *const ill[] = { NULL, "ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC" };
	static const char *const fpe[] = { NULL, "FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF" };

	switch (code) {
	case 0:
		return "SI_USER";
	case -1:
		return "SI_QUEUE";
	case -2:
		return "SI_TIMER";
	case -6:
		return "SI_TKILL";
	case 0x80:
		return "SI_KERNEL";
	}
	if (code < 1 || code > 5)
		return NULL;
	if (signal == SIGSEGV && code < 5)
		return segv[code];
	if (signal == SIGBUS)
		return bus[code];
	if (signal == SIGILL)
		return ill[code];
	if (signal == SIGFPE && code < 5)
		return fpe[code];
	return NULL;
}

const char *ending_word(enum ending_kind kind)
{
	static const char *const words[] = {
		[END_SIGNAL] = "signal", [END_ABORT] = "abort", [END_EXIT] = "exit", [END_KILLED] = "killed",
		[END_EXEC] = "exec", [END_CLEAN] = "clean", [END_RUNNING] = "running",
	};

	return words[kind];
}
