/* SPDX-License-Identifier: MIT */
/*
 * The Python frames of every thread, from the handler of a fatal signal. See python.h.
 *
 * Nothing that is read is trusted: the kernel copies it (process_vm_readv), types are compared
 * with the interpreter's own, every chain has an end. Whole pages are copied and kept, for a system
 * call for each of the small reads would take 20 us a frame. One call at a time: the buffers
 * are one, and touched only here. They need most of a MiB in no process but a dying one, so only their place
 * is reserved: memory that may not be touched counts under no limit but that of the address space.
 */
#include "shim/python.h"

#include <sys/mman.h>

#include "shim/recorder.h"
#include "shim/safe.h"

#define MOST_INTERPRETERS	16
#define MOST_THREADS		128
#define MOST_LINKS		4096	/* frames of one thread that are followed at all */
#define INNER			240	/* frames kept from the innermost on */
#define OUTER			32	/* and links from the outermost, where more are than fit */
#define MOST_TABLE		65536	/* bytes of one line table */
#define MOST_FILE		1024
#define MOST_NAME		512
#define VIEW			256
#define PAGE			4096ul	/* a part of a page where pages are larger */
#define PAGES			128	/* kept, a power of two */

/* A copy of the first bytes of a structure; beyond what could be read: zeros. */
struct view {
	uintptr_t at;
	uint8_t bytes[VIEW];
};

struct thread {
	uintptr_t state;
	uint32_t tid;
};

static struct buffers {
	struct thread threads[MOST_THREADS];
	char room[256 << 10] __attribute__((aligned(8)));
	struct {
		uintptr_t at[PAGES];	/* 0: nothing there */
		uint8_t bytes[PAGES][PAGE];
	} copies;
} *buffers;
static void *place;			/* for them; NULL: none is reserved */

static void *map(void *at, int protection, int flags)
{
	const long got = ks_sys(SYS_mmap, at, sizeof(*buffers), protection, MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);

	return got < 0 && got > -4096 ? NULL : (void *)got;
}

void ks_python_reserve(void)
{
	if (!place)
		place = map(NULL, PROT_NONE, MAP_PRIVATE);
}

/* What RLIMIT_DATA forbids as private memory may be shared: with nobody, as things are. */
static bool take_buffers(void)
{
	const int fixed = place ? MAP_FIXED : 0;

	if (!buffers)
		buffers = map(place, PROT_READ | PROT_WRITE, MAP_PRIVATE | fixed);
	if (!buffers)
		buffers = map(place, PROT_READ | PROT_WRITE, MAP_SHARED | fixed);
	return buffers != NULL;
}

/* The copy of a page; NULL: it cannot be read. */
static const uint8_t *page_at(uintptr_t at)
{
	const unsigned i = (unsigned)(at / PAGE) & (PAGES - 1);

	if (buffers->copies.at[i] == at)
		return buffers->copies.bytes[i];
	buffers->copies.at[i] = 0;
	if (!at || ks_read_memory(at, buffers->copies.bytes[i], PAGE) != PAGE)
		return NULL;
	buffers->copies.at[i] = at;
	return buffers->copies.bytes[i];
}

/* As ks_read_memory. */
static size_t read_at(uintptr_t address, void *to, size_t size)
{
	size_t done = 0;

	if (size > PAGE)
		return ks_read_memory(address, to, size);
	while (done < size) {
		const uintptr_t at = address + done, inside = at & (PAGE - 1);
		const size_t step = PAGE - inside < size - done ? PAGE - inside : size - done;
		const uint8_t *page = page_at(at - inside);

		if (!page)
			break;
		memcpy((char *)to + done, page + inside, step);
		done += step;
	}
	return done;
}

static bool look(struct view *v, uintptr_t at)
{
	size_t n;

	v->at = at;
	if (at < 4096 || at & 3)
		return false;
	n = read_at(at, v->bytes, VIEW);
	memset(v->bytes + n, 0, VIEW - n);
	return n > 0;
}

static uintptr_t word(const struct view *v, uint16_t offset)
{
	uintptr_t value;

	if (offset > VIEW - sizeof(value))
		return 0;
	memcpy(&value, v->bytes + offset, sizeof(value));
	return value;
}

static uint32_t half(const struct view *v, uint16_t offset)
{
	uint32_t value;

	if (offset > VIEW - sizeof(value))
		return 0;
	memcpy(&value, v->bytes + offset, sizeof(value));
	return value;
}

static uint8_t byte(const struct view *v, uint16_t offset)
{
	return offset < VIEW ? v->bytes[offset] : 0;
}

static uintptr_t read_word(uintptr_t address)
{
	uintptr_t value = 0;

	if (read_at(address, &value, sizeof(value)) != sizeof(value))
		return 0;
	return value;
}

static char *padded(char *p)
{
	return (char *)(((uintptr_t)p + 7) & ~(uintptr_t)7);
}

/* Copies the characters of a str behind p; bytes, 0 where there is none. */
static uint32_t put_text(char *p, const char *end, uintptr_t object, uint32_t most, uint8_t *kind)
{
	const struct ks_py_layout *at = &ks_python.at;
	struct view v;
	uintptr_t data;
	uint32_t state;
	size_t bytes;

	*kind = 1;
	if (!look(&v, object) || word(&v, at->object_type) != ks_python.text_type)
		return 0;
	state = half(&v, at->text_state) >> at->text_shift;
	if ((state & 7) != 1 && (state & 7) != 2 && (state & 7) != 4)
		return 0;
	data = object + ((state & 0x18) == 0x18 ? at->text_ascii : at->text_compact);
	if (!(state & 8))
		data = word(&v, at->text_any);
	bytes = word(&v, at->text_length);
	if (bytes > most / (state & 7))
		bytes = most / (state & 7);
	bytes *= state & 7;
	if (bytes + 8 > (size_t)(end - p))
		return 0;
	*kind = state & 7;
	return (uint32_t)read_at(data, p, bytes);
}

/* The line table as far as the instruction needs it: 4 bytes for each of code are ample. */
static uint32_t put_table(char *p, const char *end, uintptr_t object, int32_t instruction)
{
	const struct ks_py_layout *at = &ks_python.at;
	struct view v;
	size_t bytes, need = 128 + 4 * (size_t)(instruction > 0 ? instruction : 0);

	if (!look(&v, object) || word(&v, at->object_type) != ks_python.bytes_type)
		return 0;
	bytes = word(&v, at->bytes_size);
	if (bytes > need)
		bytes = need;
	if (bytes > MOST_TABLE)
		bytes = MOST_TABLE;
	if (bytes + 8 > (size_t)(end - p))
		return 0;
	return (uint32_t)read_at(object + at->bytes_data, p, bytes);
}

/* Where the code's instructions begin that this frame executes (a copy of its own in free-threaded builds). */
static uintptr_t code_begin(const struct view *frame, uintptr_t code)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t own, begin;
	uint32_t index;

	if (at->frame_tlbc == KS_PY_NONE || at->code_tlbc == KS_PY_NONE)
		return code + at->code_bytes;
	index = half(frame, at->frame_tlbc);
	own = read_word(code + at->code_tlbc);
	if (!index || !own || index >= read_word(own))
		return code + at->code_bytes;
	begin = read_word(own + 8 + 8ul * index);	/* { Py_ssize_t size; char *entries[]; } */
	return begin ? begin : code + at->code_bytes;
}

/* Byte offset of the instruction that the frame is at; -1 unknown or before the first. */
static int32_t instruction_of(const struct view *frame, uintptr_t code)
{
	const struct ks_py_layout *at = &ks_python.at;
	intptr_t distance;

	if (ks_python.minor <= 10) {
		int32_t last = (int32_t)half(frame, at->frame_instr);

		return last < 0 || last > 1 << 24 ? -1 : ks_python.minor == 10 ? last * 2 : last;
	}
	distance = (intptr_t)(word(frame, at->frame_instr) - code_begin(frame, code));
	return distance < 0 || distance > 1 << 24 ? -1 : (int32_t)distance;
}

static bool is_generator(const struct view *frame)
{
	return byte(frame, ks_python.at.frame_owner) == 1;	/* FRAME_OWNED_BY_GENERATOR */
}

/*
 * The code object of a frame that runs Python code, 0 for the others: entries from C (owner 3 and
 * above from 3.12 on; what they "execute" is no code, or a trampoline) and frames in the making,
 * which CPython calls incomplete and leaves out of tracebacks too (pycore_frame.h).
 */
static uintptr_t code_of(const struct view *frame, struct view *code)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t address = word(frame, at->frame_code) & ~(uintptr_t)3;	/* _PyStackRef: two tag bits from 3.14 */

	if (ks_python.minor >= 12 && byte(frame, at->frame_owner) >= 3)
		return 0;
	if (!look(code, address) || word(code, at->object_type) != ks_python.code_type)
		return 0;
	if (ks_python.minor >= 11 && !is_generator(frame) && instruction_of(frame, address) < 0)
		return 0;
	return address;
}

/* Appends the record of a frame; behind it, or NULL where it does not fit. *skipped: it is none of Python's. */
static char *put_frame(char *p, const char *end, const struct view *frame, bool *skipped)
{
	const struct ks_py_layout *at = &ks_python.at;
	struct ks_py_frame *f = (void *)p;
	struct view code;
	uintptr_t address = code_of(frame, &code);
	char *q = p + sizeof(*f);

	*skipped = !address;
	if (!address || end - p < (long)(sizeof(*f) + MOST_FILE + MOST_NAME + 64))
		return NULL;
	memset(f, 0, sizeof(*f));
	f->major = ks_python.major;
	f->minor = ks_python.minor;
	f->first_line = (int32_t)half(&code, at->code_first);
	f->last_instruction = instruction_of(frame, address);
	f->frame = frame->at;
	f->code = address;
	f->file_size = put_text(q, end, word(&code, at->code_file), MOST_FILE, &f->file_kind);
	q = padded(q + f->file_size);
	f->name_size = put_text(q, end, word(&code, at->code_name), MOST_NAME, &f->name_kind);
	q = padded(q + f->name_size);
	f->table_size = put_table(q, end, word(&code, at->code_table), f->last_instruction);
	f->table_kind = ks_python.minor <= 9 ? 1 : ks_python.minor == 10 ? 2 : 3;
	q = padded(q + f->table_size);
	f->size = (uint32_t)(q - p);
	return q;
}

/* The outermost frames, of which ring holds the addresses: n were seen, the last is at n - 1. */
static char *put_outer(char *p, const char *end, const uintptr_t *ring, unsigned n)
{
	for (unsigned i = n > OUTER ? n - OUTER : 0; i < n; i++) {
		struct view frame;
		bool skipped;
		char *q;

		if (!look(&frame, ring[i % OUTER]))
			break;
		q = put_frame(p, end, &frame, &skipped);
		if (q)
			p = q;
	}
	return p;
}

static uintptr_t innermost(uintptr_t state)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t frame = read_word(state + at->thread_frame);

	if (frame && at->cframe_frame != KS_PY_NONE)
		frame = read_word(frame + at->cframe_frame);
	return frame;
}

/* All frames of a thread as records; bytes. */
static size_t put_frames(uintptr_t state)
{
	const char *end = buffers->room + sizeof(buffers->room);
	char *p = buffers->room, *last = NULL;
	uintptr_t at = innermost(state), ring[OUTER];
	unsigned kept = 0, more = 0, links = 0;

	for (; at && links < MOST_LINKS; links++) {
		struct view frame;
		bool skipped;
		char *q;

		if (!look(&frame, at))
			break;
		at = word(&frame, ks_python.at.frame_back);
		if (kept == INNER) {
			ring[more++ % OUTER] = frame.at;
			continue;
		}
		q = put_frame(p, end, &frame, &skipped);
		if (!q && !skipped)
			break;
		if (!q)
			continue;
		last = p;
		p = q;
		kept++;
	}
	if (last && (at || more > OUTER))
		((struct ks_py_frame *)(void *)last)->flags = 1;
	if (!at && more)
		p = put_outer(p, end, ring, more);
	return (size_t)(p - buffers->room);
}

static bool alive(uint32_t tid)
{
	return tid && ks_sys(SYS_tgkill, ks_sys_getpid(), tid, 0) == 0;
}

/* The kernel's number of a thread: from glibc's own structure (a fork keeps that right), or as the
 * interpreter noted it; 0: the thread is gone. */
static uint32_t tid_of(const struct view *state)
{
	uintptr_t self = word(state, ks_python.at.thread_id);
	uint32_t tid = 0;

	if (self && ks_python.tid_offset)
		(void)!read_at(self + ks_python.tid_offset, &tid, sizeof(tid));
	if (alive(tid))
		return tid;
	if (ks_python.at.thread_native == KS_PY_NONE)
		return 0;
	tid = (uint32_t)word(state, ks_python.at.thread_native);
	return alive(tid) ? tid : 0;
}

static unsigned find_in(uintptr_t interp, unsigned n)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t state = read_word(interp + at->interp_threads);

	for (unsigned i = 0; state && i < 4 * MOST_THREADS && n < MOST_THREADS; i++) {
		struct view v;
		uint32_t tid;

		if (!look(&v, state) || word(&v, at->thread_interp) != interp)
			break;
		tid = tid_of(&v);
		if (tid)
			buffers->threads[n++] = (struct thread) { state, tid };
		state = word(&v, at->thread_next);
	}
	return n;
}

static unsigned find_threads(void)
{
	const struct ks_py_layout *at = &ks_python.at;
	uintptr_t interp = ks_python.main_interp;
	unsigned n = 0;

	if (interp || at->heads == KS_PY_NONE || !ks_python.runtime)
		return interp ? find_in(interp, 0) : 0;
	interp = read_word(ks_python.runtime + at->heads);
	for (unsigned i = 0; interp && i < MOST_INTERPRETERS; i++) {
		n = find_in(interp, n);
		interp = read_word(interp + at->interp_next);
	}
	return n;
}

void ks_python_frames(uint32_t fault_tid)
{
	unsigned n;

	if (!ks_python.known || !take_buffers())
		return;
	memset(buffers->copies.at, 0, sizeof(buffers->copies.at));
	n = find_threads();
	for (int turn = 0; turn < 2; turn++) {
		for (unsigned i = 0; i < n; i++) {
			const struct thread *t = &buffers->threads[i];
			size_t size;

			if ((t->tid == fault_tid) != (turn == 0))
				continue;
			size = put_frames(t->state);
			if (size)
				(void)ks_block(KS_BLOCK_PYTHON, t->tid, t->state, buffers->room, size, turn == 0);
		}
	}
}
