/* SPDX-License-Identifier: MIT */
/*
 * How programs get at the driver, and what we hand out instead.
 *
 * Routes: dlsym on a handle of the driver (ctypes, TensorFlow's and JAX' trampolines, cuFFT);
 * cuGetProcAddress in both forms (cudart, cuBLAS, cuDNN, NCCL, cuda-python; PyTorch's
 * cudaGetDriverEntryPoint ends there as well); a direct link (PyCUDA, Triton), whose slots in the
 * global offset table are changed once the module is loaded. No cu* name is exported: a machine
 * without a driver looks like one.
 *
 * The real resolver is asked first, with the arguments unchanged. A wrapper is handed out only
 * where the answer is the address of an exported function of the driver in use whose exact ABI is
 * a row of hooks/cuda.def; everything else goes through untouched, and is noted. Tables that
 * cuGetExportTable gives are left alone: cudart checks their addresses (error 103 otherwise).
 */
#include "hooks/cuda.h"

#include <elf.h>

#include "shim/elf.h"
#include "shim/safe.h"

const struct ks_cuda_function ks_cuda_table[CU_COUNT] = {
#define CU(how, symbol, base, version, stream, parameters, arguments)                              \
	[CU_##symbol] = { #symbol, #base, version, stream, (void *)ks_w_##symbol },
#include "hooks/cuda.def"
#undef CU
};
void *ks_cuda_real[CU_COUNT];

static struct {			/* the driver in use */
	uintptr_t start, end;
	char path[512];
} driver;

const char *ks_cuda_library(void)
{
	return driver.path[0] ? driver.path : NULL;
}

/* --- which module --- */

static const struct ks_module *module_at(uintptr_t address)
{
	unsigned n = ks_regions();

	for (unsigned i = 0; i < n; i++) {
		const struct ks_region *r = ks_region(i);
		const struct ks_module *m = ks_region_at(i);

		for (uint32_t k = 0; r->kind == KS_REGION_MODULES && k < r->count && m[k].state; k++)
			if (m[k].state == 2 && address >= m[k].start && address < m[k].end)
				return &m[k];
	}
	return NULL;
}

static const struct ks_module *find_module(uintptr_t address)
{
	const struct ks_module *m = module_at(address);

	if (!m) {
		ks_modules_sync(ks_self.load);
		m = module_at(address);
	}
	return m;
}

static bool is_driver(const struct ks_elf *elf)
{
	return elf->soname && strncmp(elf->soname, "libcuda.so", 10) == 0;
}

/* Whose text is a ks_string of ours, mapped: its path. */
static const char *path_of(const struct ks_module *m)
{
	unsigned n = ks_regions();

	for (unsigned i = 0; i < n; i++) {
		const struct ks_region *r = ks_region(i);

		if (m->path >= r->offset && m->path < r->offset + r->size)
			return ((struct ks_string *)((char *)ks_region_at(i) + (m->path - r->offset)))->data;
	}
	return "";
}

/* Takes the driver that this address lies in into use. False where it is no driver, or a second one. */
static bool use_driver(uintptr_t address)
{
	const struct ks_module *m;
	struct ks_elf elf;

	if (address >= driver.start && address < driver.end && (!ks.on || module_at(address)))
		return true;	/* in a forked child without a trace: the parent's driver */
	if (!ks.on)
		return false;
	m = find_module(address);
	if (!m || !ks_elf_open(&elf, m->start, m->base) || !is_driver(&elf))
		return false;
	if (driver.start && module_at(driver.start) && driver.start != m->start)
		return false;
	for (unsigned i = 0; i < CU_COUNT; i++)
		ks_cuda_real[i] = (void *)ks_elf_symbol(&elf, ks_cuda_table[i].symbol);
	ks_put(driver.path, driver.path + sizeof(driver.path), path_of(m));
	driver.end = m->end;
	driver.start = m->start;
	return true;
}

/* --- notes, each once --- */

static bool first_time(uint64_t key)
{
	static uint64_t seen[512];

	for (unsigned i = 0, at = (unsigned)(key * 0x9e3779b97f4a7c15ull >> 55); i < 512; i++, at = (at + 1) & 511) {
		uint64_t was = 0;

		if (seen[at] == key)
			return false;
		if (__atomic_compare_exchange_n(&seen[at], &was, key, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

static void note_route(enum ks_gpu_route route, uintptr_t caller, const char *name, int version)
{
	const struct ks_module *m = module_at(caller);

	if (first_time((m ? m->start : caller) ^ (uint64_t)route << 56))
		KS_EMIT(cuda_route, .route = route, .caller = caller, .name = ks_text(name), .version = (uint64_t)version);
}

static void note_unhooked(const char *name, int version, uint64_t flags, void *address)
{
	for (unsigned i = 0; i < CU_COUNT; i++) {
		if (strcmp(ks_cuda_table[i].base, name) != 0 && strcmp(ks_cuda_table[i].symbol, name) != 0)
			continue;
		if (first_time((uintptr_t)address ^ (uint64_t)version << 44))
			KS_EMIT(cuda_not_hooked, .name = ks_text(name), .version = (uint64_t)version, .flags = flags,
				.address = (uintptr_t)address);
		return;
	}
}

/* --- what to hand out --- */

static void *substitute(void *found)
{
	for (unsigned i = 0; i < CU_COUNT; i++)
		if (ks_cuda_real[i] == found)
			return ks_cuda_table[i].wrapper;
	return NULL;
}

void *ks_cuda_symbol(void *handle, const char *name, uintptr_t caller)
{
	void *found = real.dlsym(handle, name), *ours;

	/* Not cuda*, cublas*, cudnn* and the like: the driver's names have a capital behind "cu". */
	if (!found || !ks.chosen || name[2] < 'A' || name[2] > 'Z' || !ks_mine())
		return found;
	if (!use_driver((uintptr_t)found))
		return found;
	/* The driver asks for its own (a loader that stands in front of it): never ours. */
	if (caller >= driver.start && caller < driver.end)
		return found;
	ours = substitute(found);
	if (!ours)
		note_unhooked(name, 0, 0, found);
	note_route(KS_ROUTE_DLSYM, caller, name, 0);
	return ours ? ours : found;
}

void ks_cuda_handed_out(const char *name, void **function, int version, uint64_t flags, uintptr_t caller)
{
	void *ours;

	if (!ks.chosen || !name || !*name || !function || !*function)
		return;
	ours = substitute(*function);
	if (ours)
		*function = ours;
	else
		note_unhooked(name, version, flags, *function);
	note_route(KS_ROUTE_PROC_ADDRESS, caller, name, version);
}

int ks_w_cuGetProcAddress(const char *symbol, void **function, int version, uint64_t flags)
{
	int result = CUREAL(cuGetProcAddress, (const char *, void **, int, uint64_t))(symbol, function, version, flags);
	int error = errno;

	if (!result)
		ks_cuda_handed_out(symbol, function, version, flags, KS_CALLER());
	errno = error;
	return result;
}

int ks_w_cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t flags, int *status)
{
	int result = CUREAL(cuGetProcAddress_v2, (const char *, void **, int, uint64_t, int *))(symbol, function, version,
											      flags, status);
	int error = errno;

	if (!result)
		ks_cuda_handed_out(symbol, function, version, flags, KS_CALLER());
	errno = error;
	return result;
}

int ks_w_cuGetExportTable(const void **table, const void *uuid)
{
	int result = CUREAL(cuGetExportTable, (const void **, const void *))(table, uuid);
	int error = errno;
	uint64_t id[2] = { 0, 0 };

	if (uuid && ks.on) {
		memcpy(id, uuid, sizeof(id));
		if (first_time(id[0] ^ id[1]))
			KS_EMIT(cuda_export_table, .uuid_high = __builtin_bswap64(id[0]),
				.uuid_low = __builtin_bswap64(id[1]), .result = result, .caller = KS_CALLER());
	}
	errno = error;
	return result;
}

/* --- direct links --- */

static bool change_slot(const struct ks_elf *elf, void **slot, void *to)
{
	uintptr_t page = (uintptr_t)slot & ~(uintptr_t)(KS_PAGES - 1);
	bool sealed = (uintptr_t)slot >= elf->relro && (uintptr_t)slot < elf->relro + elf->relro_size;

	if (sealed && ks_sys(SYS_mprotect, page, KS_PAGES, PROT_READ | PROT_WRITE) < 0)
		return false;
	__atomic_store_n(slot, to, __ATOMIC_RELEASE);
	if (sealed)
		ks_sys(SYS_mprotect, page, KS_PAGES, PROT_READ);
	return true;
}

static unsigned change_slots(const struct ks_elf *elf, const ElfW(Rela) *r, size_t n)
{
	unsigned changed = 0;

	for (; n--; r++) {
		unsigned type = ELF64_R_TYPE(r->r_info);
		const char *name = elf->strings + elf->symbols[ELF64_R_SYM(r->r_info)].st_name;

		if ((type != KS_SLOT_PLT && type != KS_SLOT_DATA) || name[0] != 'c' || name[1] != 'u')
			continue;
		for (unsigned i = 0; i < CU_COUNT; i++)
			if (ks_cuda_real[i] && strcmp(ks_cuda_table[i].symbol, name) == 0)
				changed += change_slot(elf, (void **)(elf->base + r->r_offset), ks_cuda_table[i].wrapper);
	}
	return changed;
}

/* Called for each module that appeared, when all that came with it is in the table. */
void ks_cuda_link(const struct ks_module *m)
{
	struct ks_elf elf;
	unsigned n, changed;
	uintptr_t at = 0;

	if (!ks_elf_open(&elf, m->start, m->base) || is_driver(&elf) || !ks_elf_needs(&elf, "libcuda.so"))
		return;
	n = ks_regions();
	for (unsigned i = 0; i < n && !at; i++) {
		const struct ks_region *r = ks_region(i);
		const struct ks_module *t = ks_region_at(i);
		struct ks_elf other;

		for (uint32_t k = 0; r->kind == KS_REGION_MODULES && k < r->count && t[k].state && !at; k++)
			if (t[k].state == 2 && !(t[k].flags & KS_MODULE_VDSO) && t[k].soname &&
			    ks_elf_open(&other, t[k].start, t[k].base) && is_driver(&other))
				at = t[k].start;
	}
	if (!at || !use_driver(at))
		return;
	changed = change_slots(&elf, elf.plt, elf.nplt) + change_slots(&elf, elf.rela, elf.nrela);
	if (changed)
		note_route(KS_ROUTE_LINKED, m->text_start, elf.soname ? elf.soname : path_of(m), 0);
}
