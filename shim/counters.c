/* SPDX-License-Identifier: MIT */
/*
 * What a witness itself had read of the kernel's oom_kill counters at an earlier death. A process that
 * was idle looked last an hour ago; a counter that rose since may have risen for a sibling, whose
 * end the same witness saw. So its record says what it knew before; and whether another of its
 * children, killed too, lay dead at that moment: then nobody can tell for which of them it rose.
 *
 * Called at the wait family: any thread, signal handlers. Two that come at once may lose a look.
 */
#include "shim/other.h"

#include <sys/wait.h>

#include "shim/safe.h"

#define CGROUPS 16

struct look {
	uint32_t name;			/* hash of the cgroup's directories; 0: unused */
	uint32_t doubtful;		/* it rose, and for which of several is not known */
	uint64_t kills;			/* plus one; 0: not read */
};

static struct {
	uint32_t generation, next;
	struct look cgroup[CGROUPS], system;
} looks;

static struct look *look_of(uint32_t name)
{
	struct look *l;

	for (unsigned i = 0; i < CGROUPS; i++)
		if (looks.cgroup[i].name == name)
			return &looks.cgroup[i];
	l = &looks.cgroup[looks.next++ % CGROUPS];
	*l = (struct look){.name = name};
	return l;
}

/* Of several that died at once, one is waited for first. The others stay as they are (WNOWAIT). */
static bool another_was_killed(void)
{
	siginfo_t info = {0};

	return ks_sys(SYS_waitid, P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT, NULL) == 0 && info.si_pid &&
	       info.si_code == CLD_KILLED && info.si_status == SIGKILL;
}

static void compare(struct look *l, uint64_t now, bool company, uint64_t *before, uint32_t *doubtful)
{
	*before = l->kills;
	*doubtful = l->doubtful | company;
	l->doubtful = company;
	if (!company)
		l->kills = now == UINT64_MAX ? 0 : now + 1;
}

void ks_counters_before(const char *cgroup, struct ks_witness *w)
{
	const bool company = WIFSIGNALED(w->status) && WTERMSIG(w->status) == SIGKILL && another_was_killed();
	uint32_t name = 2166136261u, cg_doubtful = 0, sys_doubtful; /* FNV-1a */

	if (looks.generation != ks.generation + 1) {
		memset(&looks, 0, sizeof(looks));
		looks.generation = ks.generation + 1;
	}
	for (const char *p = cgroup; *p; p++)
		name = (name ^ (uint8_t)*p) * 16777619u;
	if (*cgroup)
		compare(look_of(name ? name : 1), w->cg_oom_kill, company, &w->cg_before, &cg_doubtful);
	compare(&looks.system, w->sys_oom_kill, company, &w->sys_before, &sys_doubtful);
	w->doubtful = (cg_doubtful ? KS_DOUBTFUL_CGROUP : 0) | (sys_doubtful ? KS_DOUBTFUL_SYSTEM : 0);
}
