/* SPDX-License-Identifier: MIT */
/* A pid may belong to somebody else by now: its start and the boot decide (proc(5)). */
#include "analyzer/process.h"

#include <stdio.h>
#include <string.h>

/* The boot id of this machine now; asked once, since --list asks for thousands of traces. */
static const uint8_t *boot_id(void)
{
	static enum { NOT_ASKED, KNOWN, UNREADABLE } state;
	static uint8_t now[16];
	unsigned n = 0, byte;
	char text[64] = "";
	FILE *f;

	if (state != NOT_ASKED)
		return state == KNOWN ? now : NULL;
	state = UNREADABLE;
	f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (!f)
		return NULL;
	if (!fgets(text, sizeof(text), f))
		*text = '\0';
	fclose(f);
	for (const char *p = text; *p && n < sizeof(now); p += *p == '-' ? 1 : 2) {
		if (*p == '-')
			continue;
		if (sscanf(p, "%2x", &byte) != 1)
			break;
		now[n++] = (uint8_t)byte;
	}
	state = n == sizeof(now) ? KNOWN : UNREADABLE;
	return state == KNOWN ? now : NULL;
}

static bool same_boot(const struct ks_header *h)
{
	static const uint8_t unknown[16];
	const uint8_t *now;

	if (memcmp(h->boot_id, unknown, sizeof(unknown)) == 0)
		return true;
	now = boot_id();
	return !now || memcmp(h->boot_id, now, sizeof(h->boot_id)) == 0;
}

bool process_alive(const struct ks_header *h)
{
	char path[64], stat[1024];
	const char *p;
	unsigned long long start = 0;
	char state;
	size_t n;
	FILE *f;

	if (!h->pid || !same_boot(h))
		return false;
	snprintf(path, sizeof(path), "/proc/%u/stat", h->pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(stat, 1, sizeof(stat) - 1, f);
	fclose(f);
	stat[n] = '\0';
	p = strrchr(stat, ')');
	if (!p || sscanf(p + 1,
			 " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			 "%*d %llu",
			 &state, &start) != 2)
		return false;
	return state != 'Z' && state != 'X' && (!h->start_ticks || start == h->start_ticks);
}
