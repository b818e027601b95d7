/* SPDX-License-Identifier: MIT */
/*
 * Who sent us a signal: its command, command line and parent, read from /proc at that moment,
 * since a sender such as kill(1) is gone a millisecond later. Async-signal-safe; 600 bytes of
 * stack at the most.
 */
#ifndef KS_SENDER_H
#define KS_SENDER_H

#include <stdint.h>

struct ks_sender {
	uint32_t pid, ppid;		/* 0: not known */
	char name[16], parent[16];	/* comm */
	char argv[512];			/* as a shell takes it, without what looks like a secret, cut */
	char raw[512];			/* the same as the kernel has it */
};

/* Fills it as far as /proc tells; texts are "" where it does not. */
void ks_sender_read(uint32_t pid, struct ks_sender *s) __attribute__((visibility("hidden")));

#endif
