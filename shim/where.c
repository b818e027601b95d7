/* SPDX-License-Identifier: MIT */
/* Addresses and texts of the trace, looked up in its own tables: no loader call, no lock. */
#include "shim/surroundings.h"

const struct ks_module *ks_module_at(uintptr_t address)
{
	unsigned n = ks_regions();

	for (unsigned i = 0; i < n; i++) {
		const struct ks_region *r = ks_region(i);
		const struct ks_module *m = ks_region_at(i);

		for (uint32_t k = 0; r->kind == KS_REGION_MODULES && k < r->count && m[k].state;
		     k++)
			if (m[k].state == 2 && address >= m[k].start && address < m[k].end)
				return &m[k];
	}
	return NULL;
}

const char *ks_text_at(ks_str text)
{
	unsigned n = ks_regions();

	for (unsigned i = 0; text && i < n; i++) {
		const struct ks_region *r = ks_region(i);

		if (text >= r->offset && text - r->offset < r->size)
			return ((const struct ks_string *)((char *)ks_region_at(i) +
							   (text - r->offset)))
				->data;
	}
	return "";
}
