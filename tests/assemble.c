/* SPDX-License-Identifier: MIT */
/*
 * The assembler of traces. One pass collects slots, records, strings and blocks; strings are
 * placed first, since all else refers to them, then the regions are laid out behind each other.
 */
#include "tests/assemble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/decode.h"

#define STRINGS_AT	KS_HEADER_SIZE
#define CLOCK_HZ	1000000000u

struct list {				/* records of one kind, one behind the other */
	char *data;
	size_t n, room;
};

struct making {
	struct ks_header head;
	struct ks_crash crash;
	struct text strings, output, blocks, python;
	struct list ring, rare, modules, threads, checkpoints, infos;
	uint32_t python_tid;
	uint64_t clock;
	bool dumped;			/* the header is of a dump: what it leaves out is 0 */
};

/* --- strings --- */

static uint64_t keep(void *arg, unsigned kind, const void *data, size_t size)
{
	struct making *m = arg;
	struct ks_string s = { (uint32_t)size, kind };
	uint64_t at = STRINGS_AT + m->strings.n;
	static const char zeros[8];

	text_add_n(&m->strings, (const char *)&s, sizeof(s));
	text_add_n(&m->strings, data, size);
	text_add_n(&m->strings, zeros, -m->strings.n & 7);
	return at;
}

/* --- records --- */

static void *append(struct list *l, size_t size, const void *record)
{
	if (l->n == l->room) {
		l->room = l->room ? l->room * 2 : 16;
		l->data = realloc(l->data, l->room * size);
	}
	memcpy(l->data + l->n * size, record, size);
	return l->data + l->n++ * size;
}

static void put_block(struct making *m, const struct ks_block *head, const char *data, size_t size)
{
	struct ks_block b = *head;
	static const char zeros[8];

	b.magic = KS_BLOCK_MAGIC;
	b.size = size;
	text_add_n(&m->blocks, (const char *)&b, sizeof(b));
	text_add_n(&m->blocks, data, size);
	text_add_n(&m->blocks, zeros, -m->blocks.n & 7);
}

/* A line of --dump, which tells where in the file it was, leaves out what is 0: so it is, and no default. */
static bool is_dumped(const struct line *l)
{
	return line_pair(l, "at");
}

static const char *add_event(struct making *m, const struct line *l)
{
	struct slot s;
	struct ks_slot *to;
	const char *why = encode_slot(l, &s, keep, m);
	const struct record_info *info = event_named(l->word);
	bool ring = info && strcmp(info->lane, "RING") == 0;
	char bytes[KS_RARE_SLOT] = "";

	if (why)
		return why;
	m->clock = line_pair(l, "time") ? s.time : m->clock + 1000000;
	to = (struct ks_slot *)bytes;
	*to = (struct ks_slot){ .event = s.event,
				.nfields = s.nfields,
				.time = m->clock,
				.tid = s.tid ? s.tid : m->head.pid,
				.load = s.load };
	memcpy(bytes + KS_SLOT_HEAD, s.field, s.nfields * 8u);
	to->seq = (uint32_t)(ring ? m->ring.n : m->rare.n) + 1;
	append(ring ? &m->ring : &m->rare, ring ? KS_RING_SLOT : KS_RARE_SLOT, bytes);
	return NULL;
}

static const char *add_module(struct making *m, const struct line *l)
{
	struct ks_module mod;
	const char *why = encode_record(l, record_named("module"), &mod, keep, m);
	const struct pair *id = line_pair(l, "build_id");

	if (!mod.state)
		mod.state = mod.unload_time ? 3 : 2;
	if (!line_pair(l, "base")) {
		mod.base = mod.start = MODULE_BASE(m->modules.n);
		mod.end = mod.start + 0x800000;
		mod.text_start = mod.start + 0x1000;
		mod.text_end = mod.start + 0x400000;
	}
	mod.build_id_size = id ? (uint8_t)(id->size / 2) : 0;
	append(&m->modules, sizeof(mod), &mod);
	return why;
}

static const char *add_thread(struct making *m, const struct line *l)
{
	struct ks_thread t;
	const char *why = encode_record(l, record_named("thread"), &t, keep, m);

	if (!t.state)
		t.state = t.end_time ? 2 : 1;
	if (!t.tid)
		t.tid = m->head.pid;
	append(&m->threads, sizeof(t), &t);
	return why;
}

static const char *add_checkpoint(struct making *m, const struct line *l)
{
	const struct record_info *info = record_named("checkpoint");
	struct ks_checkpoint c;
	const char *why = encode_record(l, info, &c, keep, m);

	for (unsigned i = 0; i < info->nfields; i++)
		if (info->field[i].type == FIELD_U64 && !line_pair(l, info->field[i].name))
			memset((char *)&c + info->field[i].offset, 0xff, 8);
	if (!line_pair(l, "time") && !is_dumped(l))
		c.time = m->clock += 1000000;
	c.seq = (uint32_t)m->checkpoints.n + 1;
	append(&m->checkpoints, sizeof(c), &c);
	return why;
}

static const char *add_crash(struct making *m, const struct line *l)
{
	const char *why = encode_record(l, record_named("crash_area"), &m->crash, keep, m);
	const struct pair *regs = line_pair(l, "regs");

	if (!line_pair(l, "state"))
		m->crash.state = KS_CRASH_DONE;
	if (!m->crash.tid)
		m->crash.tid = m->head.pid;
	if (!m->crash.time && !is_dumped(l))
		m->crash.time = m->clock;
	if (regs && !m->crash.nregs)
		m->crash.nregs = 17;
	return why;
}

/* --- blocks --- */

static void end_python(struct making *m)
{
	if (m->python.n)
		put_block(m, &(struct ks_block){ .kind = KS_BLOCK_PYTHON, .tid = m->python_tid, .time = m->clock }, m->python.s, m->python.n);
	m->python.n = 0;
}

/* A text of a dump as CPython would hold it (PEP 393): Latin-1 where that does, else UCS-4. The size in bytes. */
static uint32_t put_py_text(struct text *t, const struct pair *p, uint8_t *kind)
{
	static const char zeros[8];
	size_t before = t->n;

	*kind = 1;
	for (size_t i = 0; i < p->size; i++)
		if (p->value[i] & 0x80)
			*kind = 4;
	for (size_t i = 0; i < p->size; i++) {
		const unsigned char *s = (const unsigned char *)p->value + i;
		size_t length = *kind == 1 || *s < 0xc0 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
		uint32_t c = length == 1 ? *s : *s & (0x7fu >> length);

		for (size_t k = 1; k < length && i + 1 < p->size && (s[k] & 0xc0) == 0x80; k++, i++)
			c = c << 6 | (s[k] & 0x3f);
		text_add_n(t, (const char *)&c, *kind);
	}
	before = t->n - before;
	text_add_n(t, zeros, -t->n & 7);
	return (uint32_t)before;
}

static const char *add_python(struct making *m, const struct line *l)
{
	const struct pair *file = line_pair(l, "file"), *line = line_pair(l, "line"),
			  *name = line_pair(l, "function");
	const struct pair *tid = line_pair(l, "tid"), *cut = line_pair(l, "cut");
	struct ks_py_frame f = {
		.major = 3, .minor = 11, .last_instruction = -1
	};
	uint64_t number = 0, thread = m->head.pid;
	struct text texts = { 0 };

	if (!file || !name || (line && !number_parse(line->value, &number)) ||
	    (tid && !number_parse(tid->value, &thread)))
		return "python needs file=, function= and numbers for line= and tid=";
	if (m->python.n && m->python_tid != thread)
		end_python(m);
	m->python_tid = (uint32_t)thread;
	f.first_line = (int32_t)number;
	f.file_size = put_py_text(&texts, file, &f.file_kind);
	f.name_size = put_py_text(&texts, name, &f.name_kind);
	f.flags = cut != NULL;
	f.size = (uint32_t)(sizeof(f) + texts.n);
	text_add_n(&m->python, (const char *)&f, sizeof(f));
	text_add_n(&m->python, text_get(&texts), texts.n);
	text_free(&texts);
	if (cut)		/* the outermost one that was kept */
		end_python(m);
	return NULL;
}

static const char *add_block(struct making *m, const struct line *l)
{
	const struct pair *kind = line_pair(l, "kind"), *text = line_pair(l, "text"),
			  *data = line_pair(l, "data");
	struct ks_block b;
	const char *why = encode_record(l, record_named("block"), &b, keep, m);
	uint64_t number = 0;
	struct text bytes = { 0 };

	if (why || !kind)
		return why ? why : "a block without kind=";
	number = block_kind(kind->value);
	if (!number && !number_parse(kind->value, &number))
		return "no such kind of block";
	for (size_t i = 0; data && i + 1 < data->size; i += 2) {
		char pair[3] = { data->value[i], data->value[i + 1], '\0' };

		text_char(&bytes, (char)strtoul(pair, NULL, 16));
	}
	b.kind = (uint32_t)number;
	if (!b.tid)
		b.tid = m->head.pid;
	if (!b.time && !is_dumped(l))
		b.time = m->clock;
	put_block(m, &b, text ? text->value : text_get(&bytes), text ? text->size : bytes.n);
	text_free(&bytes);
	return NULL;
}

static const char *add_record(struct making *m, const struct line *l)
{
	struct ks_witness w;
	struct ks_thread_info info;
	const struct pair *text = line_pair(l, "text");
	const char *why;

	if (strcmp(l->word, "python") != 0)
		end_python(m);
	if (encodes_slot(l->word))
		return add_event(m, l);
	if (strcmp(l->word, "header") == 0) {
		m->dumped = is_dumped(l);
		return encode_record(l, record_named("header"), &m->head, keep, m);
	}
	if (strcmp(l->word, "module") == 0)
		return add_module(m, l);
	if (strcmp(l->word, "thread") == 0)
		return add_thread(m, l);
	if (strcmp(l->word, "checkpoint") == 0)
		return add_checkpoint(m, l);
	if (strcmp(l->word, "crash_area") == 0)
		return add_crash(m, l);
	if (strcmp(l->word, "python") == 0)
		return add_python(m, l);
	if (strcmp(l->word, "block") == 0)
		return add_block(m, l);
	if (strcmp(l->word, "thread_info") == 0) {
		why = encode_record(l, record_named("thread_info"), &info, keep, m);
		append(&m->infos, sizeof(info), &info);
		return why;
	}
	if (strcmp(l->word, "witness") == 0) {
		why = encode_record(l, record_named("witness"), &w, keep, m);
		put_block(m, &(struct ks_block){ .kind = KS_BLOCK_WITNESS, .time = m->clock }, (const char *)&w, sizeof(w));
		return why;
	}
	if (strcmp(l->word, "output") != 0 || !text)
		return "no such record";
	text_add_n(&m->output, text->value, text->size);
	return NULL;
}

/* --- the file --- */

static void add_region(struct making *m, struct text *file, struct ks_region r, const void *head,
		       size_t head_size, const void *data, size_t size)
{
	static const char zeros[64];

	text_add_n(file, zeros, -file->n & 63);
	r.offset = file->n;
	r.size = head_size + size;
	if (!r.stride)
		r.stride = (uint32_t)r.size;
	text_add_n(file, head, head_size);
	text_add_n(file, data, size);
	memcpy(file->s + KS_REGION_TABLE + m->head.region_count++ * sizeof(r), &r, sizeof(r));
}

static void add_ring(struct making *m, struct text *file, unsigned kind, unsigned slot,
		     const struct list *l)
{
	struct ks_ring_head head = { .next = l->n };

	add_region(m, file,
		   (struct ks_region){ .kind = kind, .slot = slot, .count = 1, .aux = { l->n } },
		   &head, sizeof(head), l->data, l->n * slot);
}

static void lay_out(struct making *m, struct image *image)
{
	struct ks_ring_head output = { .next = m->output.n };
	struct text file = { 0 };
	static const char page[KS_HEADER_SIZE];

	text_add_n(&file, page, sizeof(page));
	add_region(m, &file,
		   (struct ks_region){ .kind = KS_REGION_STRINGS,
				       .stride = 1,
				       .count = 1,
				       .aux = { m->strings.n } },
		   "", 0, text_get(&m->strings), m->strings.n);
	add_ring(m, &file, KS_REGION_RARE, KS_RARE_SLOT, &m->rare);
	add_ring(m, &file, KS_REGION_RING, KS_RING_SLOT, &m->ring);
	add_region(m, &file,
		   (struct ks_region){ .kind = KS_REGION_MODULES,
				       .stride = sizeof(struct ks_module),
				       .count = (uint32_t)m->modules.n },
		   "", 0, m->modules.data, m->modules.n * sizeof(struct ks_module));
	add_region(m, &file,
		   (struct ks_region){ .kind = KS_REGION_THREADS,
				       .stride = sizeof(struct ks_thread),
				       .count = (uint32_t)m->threads.n },
		   "", 0, m->threads.data, m->threads.n * sizeof(struct ks_thread));
	add_ring(m, &file, KS_REGION_CHECKPOINTS, sizeof(struct ks_checkpoint), &m->checkpoints);
	add_region(m, &file, (struct ks_region){ .kind = KS_REGION_OUTPUT, .slot = 1, .count = 1 },
		   &output, sizeof(output), text_get(&m->output), m->output.n);
	add_region(m, &file, (struct ks_region){ .kind = KS_REGION_CRASH, .count = 1 }, &m->crash,
		   sizeof(m->crash), "", 0);
	text_add_n(&file, text_get(&m->blocks), m->blocks.n);
	memcpy(file.s, &m->head, sizeof(m->head));
	image->bytes = file.s;
	image->size = file.n;
}

static void finish_header(struct ks_header *h, uint64_t clock, bool dumped)
{
	memcpy(h->magic, KS_MAGIC, sizeof(h->magic));
	h->header_size = KS_HEADER_SIZE;
	h->endian = KS_ENDIAN;
	h->word_size = 8;
	h->region_offset = KS_REGION_TABLE;
	h->region_stride = sizeof(struct ks_region);
	h->clock_hz = CLOCK_HZ;
	if (!h->version)
		h->version = KS_VERSION;
	if (!h->arch)
		h->arch = KS_ARCH_X86_64;
	if (dumped)
		return;
	if (!h->start_realtime)
		h->start_realtime = 1700000000ull * 1000000000u;
	if (!h->last_realtime)
		h->last_realtime = h->start_realtime + clock;
	if (!h->last_clock)
		h->last_clock = clock;
	if (h->end_kind && !h->end_clock)
		h->end_clock = clock;
}

static const char *read_lines(struct making *m, char *text)
{
	static char why[160];
	unsigned number = 1;

	for (char *next; text; text = next, number++) {
		struct line l;
		const char *wrong;

		next = strchr(text, '\n');
		if (next)
			*next++ = '\0';
		if (*text == '%')
			break;
		wrong = line_parse(&l, text);
		if (!wrong && l.word)
			wrong = add_record(m, &l);
		if (wrong) {
			snprintf(why, sizeof(why), "line %u: %s", number, wrong);
			return why;
		}
		if (m->head.pid == 0)
			m->head.pid = 4711;
	}
	return NULL;
}

const char *assemble(const char *text, struct image *image)
{
	struct making m = { .head = { .pid = 4711 } };
	char *copy = strdup(text);
	const char *why = read_lines(&m, copy);

	if (!why) {
		end_python(&m);
		if (m.infos.n)
			put_block(&m, &(struct ks_block){ .kind = KS_BLOCK_THREADS, .tid = m.head.pid, .time = m.clock }, m.infos.data,
				  m.infos.n * sizeof(struct ks_thread_info));
		finish_header(&m.head, m.clock, m.dumped);
		lay_out(&m, image);
	}
	free(copy);
	free(m.ring.data);
	free(m.rare.data);
	free(m.modules.data);
	free(m.threads.data);
	free(m.checkpoints.data);
	free(m.infos.data);
	text_free(&m.strings);
	text_free(&m.output);
	text_free(&m.blocks);
	text_free(&m.python);
	return why;
}
