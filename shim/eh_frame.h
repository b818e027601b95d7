/* SPDX-License-Identifier: MIT */
/* The parts of .eh_frame that shim/cfi.c runs: eh_frame.c finds and opens them. */
#ifndef KS_EH_FRAME_H
#define KS_EH_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

struct ks_eh_reader {
	const uint8_t *p, *end;
	bool bad;			/* it ran over the end, or met what it does not know */
};

uint64_t ks_eh_get(struct ks_eh_reader *r, unsigned bytes);
uint64_t ks_eh_uleb(struct ks_eh_reader *r);
int64_t ks_eh_sleb(struct ks_eh_reader *r);
uint64_t ks_eh_encoded(struct ks_eh_reader *r, uint8_t encoding);

struct ks_eh_entry {
	uint64_t code_align;
	int64_t data_align;
	struct ks_eh_reader common, own;	/* instructions of the CIE and of the FDE */
	uintptr_t start;
	uint8_t encoding;		/* of addresses in the FDE */
	bool is_signal, is_augmented;
};

struct ks_eh_object {			/* a loaded object: nothing outside of it is read */
	const uint8_t *start, *end;
	const uint8_t *header;		/* its .eh_frame_hdr; NULL: none */
};

bool ks_eh_object_at(uintptr_t pc, struct ks_eh_object *o);	/* false: no object lies there */
const uint8_t *ks_eh_find(const struct ks_eh_object *o, uintptr_t pc);
bool ks_eh_read(const struct ks_eh_object *o, const uint8_t *p, uintptr_t pc, struct ks_eh_entry *e);

#pragma GCC visibility pop

#endif
