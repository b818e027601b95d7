/* SPDX-License-Identifier: MIT */
/*
 * Traces of other processes in our directory: found, read, and given a witness's record.
 *
 * A witness is whoever learns of a death that the dead could not record: the parent at its wait,
 * the next kernel for the same connection file. Only regular files of our own user are touched,
 * by raw system calls; they are read with pread and never mapped, since they may change.
 * Context: any thread, signal handlers; 4 KiB of stack.
 */
#ifndef KS_OTHER_H
#define KS_OTHER_H

#include "shim/recorder.h"

struct ks_other {
	int fd;	       /* open for reading; -1: none */
	char name[64]; /* of the file, in ks.config.dir */
	uint64_t size;
	struct ks_header head;
};

#pragma GCC visibility push(hidden)

/* The newest trace of process pid; parent: the ppid that it must have, 0: any. False: none. */
bool ks_other_find(struct ks_other *o, int pid, int parent);
void ks_other_close(struct ks_other *o);
bool ks_other_read(const struct ks_other *o, uint64_t offset, void *to, size_t size);
/* A text of that trace, cut to fit; "" for none. */
void ks_other_text(const struct ks_other *o, uint64_t at, char *to, size_t size);
/* Region number i; false: there are no more. The first of a kind; false: none. */
bool ks_other_region(const struct ks_other *o, unsigned i, struct ks_region *r);
bool ks_other_region_of(const struct ks_other *o, enum ks_region_kind kind, struct ks_region *r);
/* File name (without folders) of the module at address; "" : none. */
void ks_other_module(const struct ks_other *o, uint64_t address, char *to, size_t size);
/* The latest event of a kind in the lane of rare ones, its slot with fields; false: none. */
bool ks_other_event(const struct ks_other *o, enum ks_event event, struct ks_slot *slot,
		    uint64_t *fields, unsigned n);

/* The value of an info event of the start; "" : none. */
void ks_other_info(const struct ks_other *o, const char *key, char *to, size_t size);

/* Appends a witness's record, with the counters of the dead process's cgroup as they are now.
 * w: pid, kind, status and signals filled in. False: there is one already, or it cannot be written.
 */
bool ks_other_witness(const struct ks_other *o, struct ks_witness *w);

/* counters.c: fills in what this process had read of the same counters before; cgroup is its packed
 * name. */
void ks_counters_before(const char *cgroup, struct ks_witness *w);

/* Removes a trace by its name, if it is a regular file of ours. */
void ks_other_remove(const char *name);

uint64_t ks_realtime(void); /* ns since 1970 */

/* This process is a kernel: leave a record in the trace of the one before, if it ended without a
 * word. */
void ks_other_predecessor(const char *connection);

#pragma GCC visibility pop

#endif
