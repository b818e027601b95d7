/* SPDX-License-Identifier: MIT */
/*
 * Which files of loaded modules are no longer what they were: a package upgraded under a running
 * process. Looked at while it crashes, since tomorrow's file says nothing about today's death.
 *
 * Context: the crash path (shim/crash.h): system calls on known paths, nothing else. A file that
 * was replaced by a new one (other inode) is told, too; the analyzer knows that it is harmless.
 */
#include "shim/crash.h"

#include "shim/recorder.h"
#include "shim/safe.h"

#define MOST_CHANGED	16

static bool is_changed(const struct ks_module *m, const char *path, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	if (ks_sys_stat(path, st, 0) < 0)
		return true;
	return (uint64_t)st->st_ino != m->inode || (uint64_t)st->st_size != m->file_size ||
	       (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec != m->mtime;
}

static bool tell(const struct ks_module *m)
{
	const struct ks_string *path = ks_string_at(m->path);
	struct stat st;

	if (m->state != 2 || !m->inode || (m->flags & (KS_MODULE_NO_FILE | KS_MODULE_VDSO)) || !path || path->data[0] != '/')
		return false;
	if (!is_changed(m, path->data, &st))
		return false;
	KS_EMIT(file_changed, .path = m->path, .inode = m->inode, .now_inode = st.st_ino, .size = m->file_size,
		.now_size = (uint64_t)st.st_size, .mtime = m->mtime,
		.now_mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec);
	return true;
}

void ks_scene_changed(void)
{
	unsigned told = 0;

	for (unsigned i = 0; i < ks_regions(); i++) {
		const struct ks_region *r = ks_region(i);
		const struct ks_module *m = ks_region_at(i);

		for (uint32_t k = 0; r->kind == KS_REGION_MODULES && k < r->count && m[k].state && told < MOST_CHANGED; k++)
			told += tell(&m[k]);
	}
}
