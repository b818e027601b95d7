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
#include <sys/auxv.h>

#include "shim/module.h"
#include "shim/safe.h"

const struct ks_cuda_function ks_cuda_table[CU_COUNT] = {
#define CU(how, symbol, base, version, stream, parameters, arguments)                              \
	[CU_##symbol] = { #symbol, #base, version, stream },
#include "hooks/cuda.def"
#undef CU
};

static void *const wrappers[CU_COUNT] = {
#define CU(how, symbol, base, version, stream, parameters, arguments) [CU_##symbol] = (void *)ks_w_##symbol,
#include "hooks/cuda.def"
#undef CU
};

void *ks_cuda_real[CU_COUNT];

static struct {			/* the driver in use */
	uintptr_t start, end;
	uint64_t dev, inode;
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
	const char *soname = ks_elf_soname(elf);

	return soname && strncmp(soname, "libcuda.so", 10) == 0;
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

/* Is the driver in use the one that lies at this address, and not another file in its old place? */
static bool in_use(uintptr_t address)
{
	const struct ks_module *m;

	if (address < driver.start || address >= driver.end)
		return false;
	if (!ks.on)
		return true;	/* in a forked child without a trace: the parent's driver */
	m = module_at(address);
	return m && m->start == driver.start && m->inode == driver.inode && m->dev == driver.dev;
}

static bool still_there(void)
{
	return driver.start && in_use(driver.start);
}

/*
 * Takes the driver that this address lies in into use: the wrappers call its functions from now on.
 * False where it is no driver, or a second one beside one that is still there (the toolkit's stub
 * beside the real one): the wrappers belong to the first.
 */
static bool use_driver(uintptr_t address)
{
	const struct ks_module *m;
	struct ks_elf elf;

	if (in_use(address))
		return true;
	if (!ks.on)
		return false;
	m = find_module(address);
	if (!m || !ks_module_elf(m, &elf) || !is_driver(&elf) || still_there())
		return false;
	driver.start = driver.end = 0;
	for (unsigned i = 0; i < CU_COUNT; i++)
		ks_cuda_real[i] = (void *)ks_elf_symbol(&elf, ks_cuda_table[i].symbol);
	ks_put(driver.path, driver.path + sizeof(driver.path), path_of(m));
	driver.dev = m->dev;
	driver.inode = m->inode;
	driver.end = m->end;
	driver.start = m->start;
	ks_cuda_another_driver();
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

static const struct ks_cuda_function *row_named(const char *name)
{
	for (unsigned i = 0; i < CU_COUNT; i++)
		if (strcmp(ks_cuda_table[i].base, name) == 0 || strcmp(ks_cuda_table[i].symbol, name) == 0)
			return &ks_cuda_table[i];
	return NULL;
}

static void note_unhooked(const char *name, int version, uint64_t flags, void *address)
{
	uint64_t key = 5381;

	for (const char *p = name; *p; p++)
		key = key * 33 + (uint8_t)*p;
	if (row_named(name) && first_time((uintptr_t)address ^ key << 32 ^ (uint64_t)version << 16))
		KS_EMIT(cuda_not_hooked, .name = ks_text(name), .version = (uint64_t)version, .flags = flags,
			.address = (uintptr_t)address);
}

/* --- what to hand out --- */

/*
 * Our function for this real one; NULL: none. Where several names have one address (a linker that
 * folds identical code, as in a stub), the name that was asked for decides, and without it nothing.
 */
static void *substitute(void *found, const char *name)
{
	void *ours = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < CU_COUNT; i++) {
		const struct ks_cuda_function *f = &ks_cuda_table[i];

		if (ks_cuda_real[i] != found)
			continue;
		if (strcmp(f->symbol, name) == 0)
			return wrappers[i];
		if (!n++ || strcmp(f->base, name) == 0)
			ours = wrappers[i];
	}
	/* cuGraphInstantiate of 12.0 is cuGraphInstantiateWithFlags: one of one name needs no other proof. */
	return n == 1 || (n && row_named(name)) ? ours : NULL;
}

/*
 * A dlsym of RTLD_DEFAULT: what the global scope has, everybody finds first (glibc, elf/dl-sym.c), so
 * that our own question gives the caller's answer; where it finds nothing, the caller's may still
 * do (its own libraries), untouched. RTLD_NEXT is never answered here. NULL: make the real call.
 */
void *ks_cuda_global(void *handle, const char *name)
{
	void *found, *ours = NULL;

	if (!ks.on || !ks.chosen || name[2] < 'A' || name[2] > 'Z' || !row_named(name) || !ks_mine())
		return NULL;
	found = handle == RTLD_DEFAULT ? real.dlsym(RTLD_DEFAULT, name) : NULL;
	if (found && use_driver((uintptr_t)found))
		ours = substitute(found, name);
	if (!ours && driver.start)
		note_unhooked(name, 0, 0, found);
	return ours;
}

void *ks_cuda_symbol(void *handle, const char *name, uintptr_t caller)
{
	void *found = real.dlsym(handle, name), *ours;

	/* Not cuda*, cublas*, cudnn* and the like: the driver's names have a capital behind "cu". */
	if (!found || !ks.chosen || name[2] < 'A' || name[2] > 'Z' || !ks_mine())
		return found;
	if (!use_driver((uintptr_t)found)) {
		const struct ks_module *m = ks.on ? module_at((uintptr_t)found) : NULL;
		struct ks_elf elf;

		if (m && ks_module_elf(m, &elf) && is_driver(&elf))
			note_unhooked(name, 0, 0, found);
		return found;
	}
	/* The driver asks for its own (a loader that stands in front of it): never ours. */
	if (caller >= driver.start && caller < driver.end)
		return found;
	ours = substitute(found, name);
	if (!ours)
		note_unhooked(name, 0, 0, found);
	note_route(KS_ROUTE_DLSYM, caller, name, 0);
	return ours ? ours : found;
}

static void handed_out(const char *name, void **function, int version, uint64_t flags, uintptr_t caller)
{
	void *ours;

	if (!ks.chosen || !name || !*name || !function || !*function)
		return;
	ours = substitute(*function, name);
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
		handed_out(symbol, function, version, flags, KS_CALLER());
	errno = error;
	return result;
}

int ks_w_cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t flags, int *status)
{
	int result = CUREAL(cuGetProcAddress_v2, (const char *, void **, int, uint64_t, int *))(symbol, function, version,
											      flags, status);
	int error = errno;

	if (!result)
		handed_out(symbol, function, version, flags, KS_CALLER());
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

/*
 * A slot of the global offset table. The page of a sealed one (RELRO) is opened for the moment of the
 * store: only walks of the modules come here, one at a time (shim/modules.c), and the loader itself is
 * done with an object before it is in its list of loaded ones.
 */
static bool change_slot(const struct ks_elf *elf, void **slot, void *to)
{
	uintptr_t size = getauxval(AT_PAGESZ), page = (uintptr_t)slot & ~(size - 1);
	/* The loader protects whole pages only (glibc, elf/dl-reloc.c). */
	bool relro = (uintptr_t)slot >= elf->relro && page + size <= ((elf->relro + elf->relro_size) & ~(size - 1)) &&
		     page + size > elf->relro;

	if (relro && (ks.sealed || ks_sys(SYS_mprotect, page, size, PROT_READ | PROT_WRITE) < 0))
		return false;
	__atomic_store_n(slot, to, __ATOMIC_RELEASE);
	if (relro)
		ks_sys(SYS_mprotect, page, size, PROT_READ);
	return true;
}

/* Does a module that is no driver define it, too (another preload that stands in front of CUDA)? */
static bool defined_elsewhere(const char *name)
{
	unsigned n = ks_regions();

	for (unsigned i = 0; i < n; i++) {
		const struct ks_region *r = ks_region(i);
		const struct ks_module *m = ks_region_at(i);
		struct ks_elf elf;

		for (uint32_t k = 0; r->kind == KS_REGION_MODULES && k < r->count && m[k].state; k++)
			if (m[k].state == 2 && !(m[k].flags & KS_MODULE_VDSO) && ks_module_elf(&m[k], &elf) &&
			    !is_driver(&elf) && ks_elf_symbol(&elf, name))
				return true;
	}
	return false;
}

/* The slots that lead to the driver: bound to it already, or not bound yet (they lead into the object itself). */
static unsigned change_slots(const struct ks_module *m, const struct ks_elf *elf, const ElfW(Rela) *r, size_t n)
{
	unsigned changed = 0;

	for (; n--; r++) {
		unsigned type = ELF64_R_TYPE(r->r_info);
		const char *name = ks_elf_name(elf, ELF64_R_SYM(r->r_info));
		void **slot = (void **)(elf->base + r->r_offset);

		if ((type != KS_SLOT_PLT && type != KS_SLOT_DATA && (type != KS_SLOT_ADDRESS || r->r_addend)) ||
		    name[0] != 'c' || name[1] != 'u')
			continue;
		for (unsigned i = 0; i < CU_COUNT; i++) {
			uintptr_t at = (uintptr_t)*slot;

			if (!ks_cuda_real[i] || strcmp(ks_cuda_table[i].symbol, name) != 0)
				continue;
			if (at == (uintptr_t)ks_cuda_real[i] ||
			    (type == KS_SLOT_PLT && at >= m->start && at < m->end && !defined_elsewhere(name)))
				changed += change_slot(elf, slot, wrappers[i]);
			else if (at)
				note_unhooked(name, 0, 0, *slot);
		}
	}
	return changed;
}

/* Called for each module that appeared, when all that came with it is in the table. */
void ks_cuda_link(const struct ks_module *m)
{
	struct ks_elf elf;
	unsigned n, changed;
	uintptr_t at = 0;

	if (!ks_module_elf(m, &elf) || is_driver(&elf) || !ks_elf_needs(&elf, "libcuda.so"))
		return;
	n = ks_regions();
	for (unsigned i = 0; i < n && !at; i++) {
		const struct ks_region *r = ks_region(i);
		const struct ks_module *t = ks_region_at(i);
		struct ks_elf other;

		for (uint32_t k = 0; r->kind == KS_REGION_MODULES && k < r->count && t[k].state && !at; k++)
			if (t[k].state == 2 && !(t[k].flags & KS_MODULE_VDSO) && t[k].soname &&
			    ks_module_elf(&t[k], &other) && is_driver(&other))
				at = t[k].start;
	}
	if (!at || !use_driver(at))
		return;
	changed = change_slots(m, &elf, elf.plt, elf.nplt) + change_slots(m, &elf, elf.rela, elf.nrela);
	if (changed)
		note_route(KS_ROUTE_LINKED, m->text_start, ks_elf_soname(&elf) ?: path_of(m), 0);
}
