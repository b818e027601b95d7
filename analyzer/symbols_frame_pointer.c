/* SPDX-License-Identifier: MIT */
/*
 * A function that keeps a frame pointer begins with push %rbp; mov %rsp,%rbp: behind the address
 * that it saved lies its return address, and the saved address is that of the next such pair
 * (System V ABI, AMD64 supplement, 3.2.2). What it left on the stack in earlier calls looks the
 * same. So the pair is asked for more: the instruction before its return address must call the very
 * function; where it calls through a pointer, the pairs that follow must lead on, upwards. Where the
 * function's first instructions say how far the pair is from its end of the stack, it is there.
 *
 * Context: the child of symbols.c, which has little time and memory.
 */
#include "analyzer/symbols_frame_pointer.h"

#include <gelf.h>
#include <string.h>

#define REACH (64u << 10) /* bytes of the stack in which the pair is looked for */
#define FRAME (1u << 20)  /* the largest frame */
#define LINKS 3		  /* pairs behind it that must lead on */

enum call { NO_CALL, CALLS_A_TARGET, CALLS_BY_POINTER };

/* Bytes of a module's file at an address of the process. */
static const uint8_t *code_at(Dwfl *dwfl, uint64_t address, size_t size)
{
	Dwfl_Module *mod = dwfl_addrmodule(dwfl, address);
	GElf_Addr bias;
	Elf *elf = mod ? dwfl_module_getelf(mod, &bias) : NULL;
	size_t n;

	if (!elf || elf_getphdrnum(elf, &n) != 0)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;
		Elf_Data *data;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD || !(p.p_flags & PF_X) ||
		    address - bias < p.p_vaddr || address - bias - p.p_vaddr > p.p_filesz ||
		    p.p_filesz - (address - bias - p.p_vaddr) < size)
			continue;
		data = elf_getdata_rawchunk(elf, (int64_t)(p.p_offset + (address - bias - p.p_vaddr)), size,
					    ELF_T_BYTE);
		return data && data->d_size == size ? data->d_buf : NULL;
	}
	return NULL;
}

/* Where the function begins that holds pc, by the symbol table; 0: not known. */
static uint64_t function_of(Dwfl *dwfl, uint64_t pc)
{
	Dwfl_Module *mod = dwfl_addrmodule(dwfl, pc);
	GElf_Off offset;
	GElf_Sym symbol;

	if (!mod || !dwfl_module_addrinfo(mod, pc, &offset, &symbol, NULL, NULL, NULL) ||
	    offset >= symbol.st_size)
		return 0;
	return pc - offset;
}

/* What stands before a return address; *target: where a direct call leads (SDM, volume 2, CALL). */
static enum call call_before(Dwfl *dwfl, uint64_t back, uint64_t *target)
{
	const uint8_t *code = back > 8 ? code_at(dwfl, back - 8, 8) : NULL;
	int32_t distance;

	*target = 0;
	if (!code)
		return NO_CALL;
	if (code[3] == 0xe8) {
		memcpy(&distance, code + 4, sizeof(distance));
		*target = back + (uint64_t)(int64_t)distance;
		return CALLS_A_TARGET;
	}
	for (int length = 2; length <= 7; length++) /* ff /2, with all kinds of operands */
		if (code[8 - length] == 0xff && (code[8 - length + 1] >> 3 & 7) == 2)
			return CALLS_BY_POINTER;
	return NO_CALL;
}

/* The pair at this address, and what follows from it: how many lead on. */
static unsigned links(const struct frame_search *s, uint64_t at)
{
	unsigned n = 0;
	uint64_t next, back, target;

	for (; n < LINKS; n++, at = next) {
		if (!s->word(s->arg, at, &next))
			return n;
		if (!next) /* the outermost frame (3.4.1) */
			return LINKS;
		if (next <= at || next - at > FRAME || next % 8 || !s->word(s->arg, next + 8, &back) ||
		    call_before(s->dwfl, back, &target) == NO_CALL)
			return n;
	}
	return n;
}

/* A call of another module's function leads to a slot of the procedure linkage table first. */
static bool elsewhere(const struct frame_search *s, uint64_t target)
{
	return dwfl_addrmodule(s->dwfl, target) != dwfl_addrmodule(s->dwfl, s->pc);
}

/*
 * How far below the saved pair the stack pointer is, by the function's first instructions: endbr64, push %rbp,
 * mov %rsp,%rbp, then more pushes, then sub $N,%rsp. 0: it does not begin so.
 */
static uint64_t depth_of(Dwfl *dwfl, uint64_t function)
{
	static const uint8_t endbr[] = {0xf3, 0x0f, 0x1e, 0xfa}, begin[] = {0x55, 0x48, 0x89, 0xe5};
	const uint8_t *p = code_at(dwfl, function, 32);
	uint64_t depth = 0;
	int32_t size;

	if (!p)
		return 0;
	p += memcmp(p, endbr, sizeof(endbr)) == 0 ? sizeof(endbr) : 0;
	if (memcmp(p, begin, sizeof(begin)) != 0)
		return 0;
	for (p += sizeof(begin); (p[0] & 0xf8) == 0x50 || (p[0] == 0x41 && (p[1] & 0xf8) == 0x50); p += p[0] == 0x41 ? 2 : 1)
		depth += 8;
	if (p[0] == 0x48 && p[1] == 0x83 && p[2] == 0xec)
		return depth + p[3];
	if (p[0] == 0x48 && p[1] == 0x81 && p[2] == 0xec) {
		memcpy(&size, p + 3, sizeof(size));
		return size > 0 && (uint32_t)size < FRAME ? depth + (uint32_t)size : 0;
	}
	return depth;
}

/* Where the call that it is in was made from tells where its stack ends, and that where the pair is. */
static uint64_t by_begin(const struct frame_search *s, uint64_t function)
{
	const uint64_t depth = function ? depth_of(s->dwfl, function) : 0;
	uint64_t inner, back, target;

	for (uint64_t at = s->sp & ~7ull; depth && at - s->sp < REACH; at += 8) {
		const uint64_t end = s->inner ? at + 8 : s->sp;

		if (s->inner && !s->word(s->arg, at, &inner))
			return 0;
		if (s->inner && inner != s->inner)
			continue;
		if (s->word(s->arg, end + depth + 8, &back) && call_before(s->dwfl, back, &target) != NO_CALL)
			return end + depth;
		if (!s->inner)
			return 0;
	}
	return 0;
}

uint64_t frame_pointer_find(const struct frame_search *s)
{
	const uint64_t function = function_of(s->dwfl, s->pc);
	uint64_t best = by_begin(s, function), nearest = 0, saved, back, target;

	if (best)
		return best;

	for (uint64_t at = s->sp & ~7ull; at - s->sp < REACH && s->word(s->arg, at, &saved); at += 8) {
		enum call call;

		if (saved && (saved <= at || saved - at > FRAME))
			continue;
		if (!s->word(s->arg, at + 8, &back))
			break;
		call = call_before(s->dwfl, back, &target);
		if (call == CALLS_A_TARGET && function && target == function)
			return at;
		/* Without a symbol: no call leads into the middle of a function, so the nearest target is its begin. */
		if (call == CALLS_A_TARGET && !function && target <= s->pc && target > nearest &&
		    s->pc - target < REACH && links(s, at) == LINKS) {
			nearest = target;
			best = at;
		}
		if ((call == CALLS_BY_POINTER || (call == CALLS_A_TARGET && elsewhere(s, target))) && !best &&
		    links(s, at) == LINKS)
			best = at;
	}
	return best;
}
