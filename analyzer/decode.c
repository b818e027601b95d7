/* SPDX-License-Identifier: MIT */
/* Tables of events and records, and records as text; see decode.h. encode.c is the way back. */
#include "analyzer/decode.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "analyzer/events.h"

#define TYPE_u64	FIELD_U64
#define TYPE_i64	FIELD_I64
#define TYPE_ptr	FIELD_PTR
#define TYPE_str	FIELD_STR
#define TYPE_stk	FIELD_STK
#define TYPE_time	FIELD_TIME

/* The fields of each event, then the events. */
#define F(T, FIELD, WHAT) { .name = #FIELD, .type = TYPE_##T, .size = 8, .meaning = WHAT },
#define EVENT(N, NAME, LANE, WHAT, ...)							\
	static const struct field_info fields_##NAME[] = { __VA_ARGS__ { .name = NULL } };
#include "shim/events.def"
#undef EVENT
#undef F

const struct record_info events[] = {
#define EVENT(N, NAME, LANE, WHAT, ...)							\
	{ .name = #NAME, .number = N, .lane = #LANE, .meaning = WHAT,			\
	  .nfields = sizeof(fields_##NAME) / sizeof(fields_##NAME[0]) - 1, .field = fields_##NAME },
#include "shim/events.def"
#undef EVENT
};
const unsigned nevent_kinds = sizeof(events) / sizeof(events[0]);

#define EVENT(N, NAME, LANE, WHAT, ...)							\
	_Static_assert(sizeof(fields_##NAME) / sizeof(fields_##NAME[0]) <= KS_MAX_FIELDS + 1, #NAME " fits a slot");
#include "shim/events.def"
#undef EVENT

/* --- records --- */

#define AT(type, kind, field)	{ #field, kind, offsetof(struct type, field), sizeof(((struct type *)0)->field), NULL }

static const struct field_info header_fields[] = {
	AT(ks_header, FIELD_U32, version), AT(ks_header, FIELD_U16, arch), AT(ks_header, FIELD_U32, pid),
	AT(ks_header, FIELD_U32, ppid), AT(ks_header, FIELD_U32, parent_pid), AT(ks_header, FIELD_U64, parent_start),
	AT(ks_header, FIELD_U64, start_realtime), AT(ks_header, FIELD_TIME, last_clock),
	AT(ks_header, FIELD_U64, last_realtime), AT(ks_header, FIELD_U64, start_ticks), AT(ks_header, FIELD_BYTES, boot_id),
	AT(ks_header, FIELD_BYTES, build_id), AT(ks_header, FIELD_CHARS, build), AT(ks_header, FIELD_U32, end_kind),
	AT(ks_header, FIELD_I32, end_code), AT(ks_header, FIELD_TIME, end_clock), AT(ks_header, FIELD_U64, lost_events),
	AT(ks_header, FIELD_U64, lost_strings), AT(ks_header, FIELD_U64, lost_rings), AT(ks_header, FIELD_U64, lost_modules),
	AT(ks_header, FIELD_U64, read_time), AT(ks_header, FIELD_U64, role), AT(ks_header, FIELD_U64, pid_namespace),
	AT(ks_header, FIELD_U64, children), AT(ks_header, FIELD_U64, children_ended), AT(ks_header, FIELD_U64, bare),
};

static const struct field_info module_fields[] = {
	AT(ks_module, FIELD_STR, path), AT(ks_module, FIELD_STR, soname), AT(ks_module, FIELD_U32, state),
	AT(ks_module, FIELD_U32, flags), AT(ks_module, FIELD_TIME, load_time), AT(ks_module, FIELD_TIME, unload_time),
	AT(ks_module, FIELD_PTR, base), AT(ks_module, FIELD_PTR, start), AT(ks_module, FIELD_PTR, end),
	AT(ks_module, FIELD_PTR, text_start), AT(ks_module, FIELD_PTR, text_end), AT(ks_module, FIELD_U64, dev),
	AT(ks_module, FIELD_U64, inode), AT(ks_module, FIELD_U64, file_size), AT(ks_module, FIELD_U64, mtime),
	AT(ks_module, FIELD_U64, need_size), AT(ks_module, FIELD_U64, tls_size), AT(ks_module, FIELD_PTR, mount_flags),
	AT(ks_module, FIELD_PTR, fs_magic), AT(ks_module, FIELD_U32, load), AT(ks_module, FIELD_U32, tid),
	AT(ks_module, FIELD_BYTES, build_id),
};

static const struct field_info thread_fields[] = {
	AT(ks_thread, FIELD_U32, tid), AT(ks_thread, FIELD_CHARS, name), AT(ks_thread, FIELD_U32, state),
	AT(ks_thread, FIELD_TIME, start_time), AT(ks_thread, FIELD_TIME, end_time), AT(ks_thread, FIELD_U64, alloc_bytes),
	AT(ks_thread, FIELD_U64, alloc_count), AT(ks_thread, FIELD_U64, free_bytes), AT(ks_thread, FIELD_U64, free_count),
	AT(ks_thread, FIELD_U64, fail_count), AT(ks_thread, FIELD_U64, big_count), AT(ks_thread, FIELD_PTR, stack_low),
	AT(ks_thread, FIELD_PTR, stack_high), AT(ks_thread, FIELD_U64, guard_size), AT(ks_thread, FIELD_PTR, alt_low),
	AT(ks_thread, FIELD_U64, alt_size), AT(ks_thread, FIELD_PTR, routine),
};

static const struct field_info checkpoint_fields[] = {
	AT(ks_checkpoint, FIELD_TIME, time), AT(ks_checkpoint, FIELD_U16, reason), AT(ks_checkpoint, FIELD_U16, threads),
	AT(ks_checkpoint, FIELD_U32, tid), AT(ks_checkpoint, FIELD_U64, rss), AT(ks_checkpoint, FIELD_U64, vsize),
	AT(ks_checkpoint, FIELD_U64, heap_alloc), AT(ks_checkpoint, FIELD_U64, heap_free),
	AT(ks_checkpoint, FIELD_U64, cg_usage), AT(ks_checkpoint, FIELD_U64, cg_limit),
	AT(ks_checkpoint, FIELD_U64, cg_oom_kill), AT(ks_checkpoint, FIELD_U64, sys_oom_kill),
	AT(ks_checkpoint, FIELD_U64, mem_available), AT(ks_checkpoint, FIELD_U64, swap_free),
	AT(ks_checkpoint, FIELD_U64, cg_pids), AT(ks_checkpoint, FIELD_U32, cpu_ms),
};

static const struct field_info crash_area_fields[] = {
	AT(ks_crash, FIELD_U32, state), AT(ks_crash, FIELD_I32, signal), AT(ks_crash, FIELD_I32, code),
	AT(ks_crash, FIELD_I32, error), AT(ks_crash, FIELD_PTR, address), AT(ks_crash, FIELD_U32, sender_pid),
	AT(ks_crash, FIELD_U32, sender_uid), AT(ks_crash, FIELD_CHARS, sender_name), AT(ks_crash, FIELD_U32, sender_ppid),
	AT(ks_crash, FIELD_CHARS, sender_parent), AT(ks_crash, FIELD_U32, tid), AT(ks_crash, FIELD_CHARS, name),
	AT(ks_crash, FIELD_U32, nested), AT(ks_crash, FIELD_TIME, time), AT(ks_crash, FIELD_PTR, pc),
	AT(ks_crash, FIELD_PTR, sp), AT(ks_crash, FIELD_PTR, fp), AT(ks_crash, FIELD_U64, trap),
	AT(ks_crash, FIELD_PTR, fault_error), AT(ks_crash, FIELD_U64, nregs), AT(ks_crash, FIELD_WORDS, regs),
	AT(ks_crash, FIELD_PTR, opcode_address), AT(ks_crash, FIELD_U32, opcode_size), AT(ks_crash, FIELD_BYTES, opcode),
	AT(ks_crash, FIELD_U32, disposition), AT(ks_crash, FIELD_PTR, handler), AT(ks_crash, FIELD_STR, abort_message),
	AT(ks_crash, FIELD_STR, exception_type), AT(ks_crash, FIELD_STR, exception_text),
	AT(ks_crash, FIELD_PTR, exception_module), AT(ks_crash, FIELD_STK, thrown_stack), AT(ks_crash, FIELD_PTR, stack_low),
	AT(ks_crash, FIELD_PTR, stack_high), AT(ks_crash, FIELD_U64, shm_free), AT(ks_crash, FIELD_U64, shm_total),
};

static const struct field_info witness_fields[] = {
	AT(ks_witness, FIELD_U32, pid), AT(ks_witness, FIELD_CHARS, name), AT(ks_witness, FIELD_U32, kind),
	AT(ks_witness, FIELD_I32, status), AT(ks_witness, FIELD_U32, requested), AT(ks_witness, FIELD_U64, realtime),
	AT(ks_witness, FIELD_U64, cg_usage), AT(ks_witness, FIELD_U64, cg_limit), AT(ks_witness, FIELD_U64, cg_oom_kill),
	AT(ks_witness, FIELD_U64, sys_oom_kill), AT(ks_witness, FIELD_U64, mem_available),
	AT(ks_witness, FIELD_BYTES, signal_sent), AT(ks_witness, FIELD_U64, signal_time),
	AT(ks_witness, FIELD_U64, cg_before), AT(ks_witness, FIELD_U64, sys_before), AT(ks_witness, FIELD_U32, doubtful),
};

static const struct field_info block_fields[] = {
	AT(ks_block, FIELD_U32, tid), AT(ks_block, FIELD_PTR, address),
	AT(ks_block, FIELD_TIME, time),
};

static const struct field_info thread_info_fields[] = {
	AT(ks_thread_info, FIELD_U32, tid), { "state", FIELD_CHARS, offsetof(struct ks_thread_info, state), 1, NULL },
	AT(ks_thread_info, FIELD_CHARS, name), AT(ks_thread_info, FIELD_U64, syscall), AT(ks_thread_info, FIELD_PTR, arg0),
	AT(ks_thread_info, FIELD_PTR, sp), AT(ks_thread_info, FIELD_PTR, pc), AT(ks_thread_info, FIELD_PTR, arg1),
	{ "args", FIELD_BYTES, offsetof(struct ks_thread_info, args), 1, NULL },
};

#define RECORD(word, type, ...)	{ .name = #word, .size = sizeof(struct type),				\
				  .nfields = sizeof(word##_fields) / sizeof(word##_fields[0]), .field = word##_fields, __VA_ARGS__ }

const struct record_info records[] = {
	RECORD(header, ks_header), RECORD(module, ks_module), RECORD(thread, ks_thread),
	RECORD(checkpoint, ks_checkpoint, .keep_zeros = true), RECORD(crash_area, ks_crash), RECORD(witness, ks_witness),
	RECORD(block, ks_block), RECORD(thread_info, ks_thread_info),
};
const unsigned nrecord_kinds = sizeof(records) / sizeof(records[0]);

const struct record_info *event_info(unsigned number)
{
	for (unsigned i = 0; i < nevent_kinds; i++)
		if (events[i].number == number)
			return &events[i];
	return NULL;
}

const struct record_info *event_named(const char *name)
{
	for (unsigned i = 0; i < nevent_kinds; i++)
		if (strcmp(events[i].name, name) == 0)
			return &events[i];
	return NULL;
}

const struct record_info *record_named(const char *name)
{
	for (unsigned i = 0; i < nrecord_kinds; i++)
		if (strcmp(records[i].name, name) == 0)
			return &records[i];
	return NULL;
}

static const char *const block_words[] = {
	[KS_BLOCK_STACK] = "stack", [KS_BLOCK_MAPS] = "maps", [KS_BLOCK_PYTHON] = "python",
	[KS_BLOCK_THREADS] = "threads", [KS_BLOCK_STATUS] = "status", [KS_BLOCK_WITNESS] = "witness",
	[KS_BLOCK_MEMORY] = "memory", [KS_BLOCK_STATFS] = "statfs", [KS_BLOCK_NATIVE] = "native",
	[KS_BLOCK_GPU_LOG] = "gpu_log", [KS_BLOCK_REGISTERS] = "registers",
};

const char *block_word(unsigned kind)
{
	return kind < sizeof(block_words) / sizeof(block_words[0]) ? block_words[kind] : NULL;
}

unsigned block_kind(const char *word)
{
	for (unsigned i = 0; i < sizeof(block_words) / sizeof(block_words[0]); i++)
		if (block_words[i] && strcmp(block_words[i], word) == 0)
			return i;
	return 0;
}

/* --- to text --- */

static uint64_t clock_rate(const struct ks_header *h)
{
	uint64_t ticks = h->last_clock - h->start_clock, ns = h->last_monotonic - h->start_monotonic;

	if (h->clock_hz)
		return h->clock_hz;
	if (h->last_clock > h->start_clock && h->last_monotonic > h->start_monotonic && ns > 1000000)
		return (uint64_t)((unsigned __int128)ticks * 1000000000u / ns);
	/* Dead before its second look at the clocks: most counters begin at boot, as the monotonic clock does. */
	if (h->start_monotonic > 1000000000u) {
		uint64_t hz = (uint64_t)((unsigned __int128)h->start_clock * 1000000000u / h->start_monotonic);

		if (hz > 20000000 && hz < 10000000000u)
			return hz;
	}
	return 2000000000u;
}

int64_t header_realtime(uint64_t ns)
{
	return ns > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)ns;
}

uint64_t trace_clock_rate(const struct trace *t)
{
	return clock_rate(&t->header);
}

int64_t trace_span(const struct trace *t, int64_t ticks)
{
	uint64_t hz = clock_rate(&t->header);
	__int128 ns = (__int128)ticks * 1000000000 / (hz ? hz : 1);

	return ns > INT64_MAX / 4 ? INT64_MAX / 4 : ns < INT64_MIN / 4 ? INT64_MIN / 4 : (int64_t)ns;
}

int64_t trace_time(const struct trace *t, uint64_t ticks)
{
	return trace_span(t, (int64_t)(ticks - t->header.start_clock));
}

static void put_time(struct text *out, int64_t ns)
{
	uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

	text_printf(out, "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "", size / 1000000000u, size % 1000000000u);
}

static void put_stack(struct text *out, const struct trace *t, uint64_t reference)
{
	size_t size;
	const char *data = trace_string(t, reference, KS_STRING_STACK, &size);

	for (size_t i = 0; data && i + 8 <= size; i += 8) {
		uint64_t pc;

		memcpy(&pc, data + i, sizeof(pc));
		text_printf(out, "%s0x%" PRIx64, i ? "," : "", pc);
	}
}

/* A value of eight bytes. Large unsigned ones that say "unknown" or "unlimited" stay readable as -1. */
static void put_value(struct text *out, const struct trace *t, enum field_type type, uint64_t v)
{
	size_t size;
	const char *data;

	switch (type) {
	case FIELD_I64:
		text_printf(out, "%" PRId64, (int64_t)v);
		break;
	case FIELD_PTR:
		text_printf(out, "0x%" PRIx64, v);
		break;
	case FIELD_TIME:
		put_time(out, v ? trace_time(t, v) : 0);
		break;
	case FIELD_STR:
		data = trace_string(t, v, 0, &size);
		text_quote(out, data ? data : "", data ? size : 0);
		break;
	case FIELD_STK:
		put_stack(out, t, v);
		break;
	default:
		if (v == UINT64_MAX)
			text_add(out, "-1");
		else
			text_printf(out, "%" PRIu64, v);
	}
}

static bool all_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static void put_field(struct text *out, const struct trace *t, const struct field_info *f, const char *at)
{
	uint64_t v = 0;
	size_t n = f->size;

	text_printf(out, " %s=", f->name);
	switch (f->type) {
	case FIELD_CHARS:
		text_quote(out, at, strnlen(at, n));
		break;
	case FIELD_BYTES:
		while (n && !at[n - 1])
			n--;
		for (size_t i = 0; i < n; i++)
			text_printf(out, "%02x", (unsigned char)at[i]);
		break;
	case FIELD_WORDS:
		while (n && all_zero(at + n - 8, 8))
			n -= 8;
		for (size_t i = 0; i < n; i += 8) {
			memcpy(&v, at + i, 8);
			text_printf(out, "%s0x%" PRIx64, i ? "," : "", v);
		}
		break;
	case FIELD_I32: {
		int32_t s;

		memcpy(&s, at, sizeof(s));
		text_printf(out, "%d", s);
		break;
	}
	default:
		memcpy(&v, at, n < 8 ? n : 8);
		put_value(out, t, f->type, v);
	}
}

void decode_record(struct text *out, const struct trace *t, const struct record_info *info, const void *record,
		   uint64_t offset)
{
	text_add(out, info->name);
	for (unsigned i = 0; i < info->nfields; i++) {
		const struct field_info *f = &info->field[i];
		const char *at = (const char *)record + f->offset;

		if (info->keep_zeros || !all_zero(at, f->size))
			put_field(out, t, f, at);
	}
	text_printf(out, " at=0x%" PRIx64, offset);
}

void decode_slot(struct text *out, const struct trace *t, const struct slot *s)
{
	const struct record_info *info = event_info(s->event);

	if (info)
		text_add(out, info->name);
	else
		text_printf(out, "event_%u", s->event);
	text_add(out, " time=");
	put_time(out, trace_time(t, s->time));
	text_printf(out, " tid=%u", s->tid);
	if (s->load)
		text_printf(out, " in_load=%u", s->load);
	for (unsigned i = 0; i < s->nfields; i++) {
		const struct field_info *f = info && i < info->nfields ? &info->field[i] : NULL;
		size_t size;

		if (f && f->type == FIELD_STR && !trace_string(t, s->field[i], 0, &size))
			continue;
		if (f && (f->type == FIELD_STK || f->type == FIELD_TIME) && !s->field[i])
			continue;
		if (f)
			text_printf(out, " %s=", f->name);
		else
			text_printf(out, " field_%u=", i);
		if (f && strcmp(f->name, "duration") == 0)
			put_time(out, trace_span(t, (int64_t)s->field[i]));
		else
			put_value(out, t, f ? f->type : FIELD_PTR, s->field[i]);
	}
	text_printf(out, " at=0x%" PRIx64, s->offset);
}
