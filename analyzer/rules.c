/* SPDX-License-Identifier: MIT */
/*
 * The engine of the rules: tries the table rules.def from top to bottom and keeps what matched.
 *
 * The verdict is the first proven cause, else the first likely one, else the first general
 * finding (where it died, without a why), else "unknown". Everything else that matched is "also
 * seen", with the reason why it is not the cause. A rule cannot see another one's finding.
 */
#include "analyzer/rule.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/proof.h"

#define RULE(name) extern const struct rule rule_##name;
#include "analyzer/rules.def"
#undef RULE

static const struct rule *const table[] = {
#define RULE(name) &rule_##name,
#include "analyzer/rules.def"
#undef RULE
};

#define TABLE_SIZE	(sizeof(table) / sizeof(table[0]))

/* One line, and valid UTF-8: texts of the program may have been cut within a character. */
static char *vprint(struct arena *arena, const char *format, va_list args)
{
	struct text t = { 0 };
	char *copy;

	text_vprintf(&t, format, args);
	copy = arena_clean(arena, text_get(&t), t.n);
	text_free(&t);
	for (char *p = copy; *p; p++) {
		if (*p == '\n' || *p == '\t')
			*p = ' ';
	}
	return copy;
}

void finding_cite(struct finding *f, uint64_t record, int64_t time, const char *format, ...)
{
	va_list args;

	if (f->nevidence >= MAX_EVIDENCE)
		return;
	va_start(args, format);
	f->evidence[f->nevidence++] =
		(struct evidence){record, time, vprint(f->arena, format, args)};
	va_end(args);
}

static void vsay(struct finding *f, char mark, const char *format, va_list args)
{
	if (f->explanation->n)
		text_char(f->explanation, '\n');
	if (mark)
		text_char(f->explanation, mark);
	text_add(f->explanation, vprint(f->arena, format, args));
}

void finding_say(struct finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay(f, '\0', format, args);
	va_end(args);
}

void finding_say_traced(struct finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay(f, TOLD_BY_TRACEBACK, format, args);
	va_end(args);
}

__attribute__((format(printf, 2, 3))) static void say_framed(struct finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay(f, TOLD_BY_FRAMES, format, args);
	va_end(args);
}

void finding_say_line(struct finding *f, const struct py_frame *frame)
{
	say_framed(f, "The Python line was %s:%d (%s).", frame->file, frame->line, frame->function ? frame->function : "?");
}

const char *finding_sentence(const char *paragraph)
{
	return paragraph + (*paragraph == TOLD_BY_TRACEBACK || *paragraph == TOLD_BY_FRAMES);
}

void finding_fix(struct finding *f, const char *format, ...)
{
	va_list args;
	char *step;

	va_start(args, format);
	step = vprint(f->arena, format, args);
	va_end(args);
	if (f->fix->n) {
		text_char(f->fix, '\n');
	} else if (strncmp(step, "Or ", 3) == 0) {	/* the first one is no alternative */
		step += 3;
		*step = (char)toupper((unsigned char)*step);
	}
	text_add(f->fix, step);
}

void finding_run(struct finding *f, const char *format, ...)
{
	va_list args;

	text_char(f->fix, FIX_COMMAND);
	va_start(args, format);
	text_add(f->fix, vprint(f->arena, format, args));
	va_end(args);
}

void finding_title(struct finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	f->title = vprint(f->arena, format, args);
	va_end(args);
}

void finding_fix_package(const struct model *m, struct finding *f, const char *path_or_name,
			 const char *verb)
{
	bool is_path = strchr(path_or_name, '/') != NULL;
	const char *package = is_path ? package_of(f->arena, path_or_name) : path_or_name;
	bool again = strcmp(verb, "install") != 0;
	const char *command =
		package_command(m, f->arena, package, is_path ? path_or_name : NULL, again);
	const char *entry = is_path && !site_packages(path_or_name) ? path_entry(f->arena, model_env(m, "PYTHONPATH"), path_or_name) : NULL;

	if (entry && package && !(command && strstr(command, " --target "))) {
		/* What is installed is not what is used. */
		finding_fix(f, "The copy of %s in %s is used, because PYTHONPATH names that folder. Install it there again:", package_label(package),
			    entry);
		finding_run(f, "python -m pip install --upgrade --force-reinstall --target %s %s", arena_shell(f->arena, entry),
			    package_words(f->arena, package));
	} else if (command) {
		finding_fix(f, "%s %s%s:", again ? "Reinstall" : "Install", package ? package_label(package) : "the package",
			    m->is_kernel ? ", then restart the kernel" : "");
		finding_run(f, "%s", command);
	} else {
		finding_fix(f, "%s the package that %s belongs to.", again ? "Reinstall" : "Install", path_or_name);
	}
	if (entry)
		finding_fix(f, "Or take %s out of PYTHONPATH, so that the environment's own copy is used.", entry);
}

static void finding_open(struct finding *f, const struct rule *rule, struct verdict *v)
{
	*f = (struct finding){ .rule = rule, .arena = v->arena, .context = v->context };
}

static void finding_tell(const struct model *m, struct finding *f)
{
	f->explanation = xalloc(1, sizeof(*f->explanation));
	f->fix = xalloc(1, sizeof(*f->fix));
	if (f->rule->explain)
		f->rule->explain(m, f);
	if (!f->fix->n && f->rule->advice)
		text_add(f->fix, f->rule->advice);
}

static void finding_close(struct finding *f)
{
	if (f->explanation)
		text_free(f->explanation);
	if (f->fix)
		text_free(f->fix);
	free(f->explanation);
	free(f->fix);
	f->explanation = f->fix = NULL;
}

static bool better(const struct finding *a, const struct finding *b)
{
	if (!b->rule)
		return true;
	if (a->rule->general != b->rule->general)
		return !a->rule->general;
	return a->confidence > b->confidence;
}

/* Equal deaths on other machines and in other versions get the same number: FNV-1a. */
static uint64_t mix(uint64_t hash, const char *text)
{
	for (; text && *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	return (hash ^ '\n') * 0x100000001b3ull;
}

/* "libhdf5-5773eb11.so.103.0.0" -> "libhdf5": what stays from version to version. */
static const char *stable_name(struct arena *arena, const char *path)
{
	const char *name = base_name(path);
	size_t n = strcspn(name, ".");

	for (size_t i = 1; i < n; i++) {
		if (name[i] == '-' && strspn(name + i + 1, "0123456789abcdef") >= 2)
			n = i;
	}
	return arena_text(arena, name, n);
}

/*
 * A mangled name without what changes from build to build: ".constprop.0" and kin, the release in
 * Abseil's inline namespace (lts_20240116), Rust's hash (17h and 16 digits).
 */
static const char *stable_symbol(struct arena *arena, const char *raw)
{
	char *copy, *to;

	if (!raw)
		return NULL;
	copy = to = arena_text(arena, raw, strcspn(raw + 1, ".") + 1);
	for (const char *p = copy; *p;) {
		if (strncmp(p, "lts_", 4) == 0)
			p += 4 + strspn(p + 4, "0123456789");
		else if (strncmp(p, "17h", 3) == 0 && strspn(p + 3, "0123456789abcdef") >= 16)
			p += 19;
		else
			*to++ = *p++;
	}
	*to = '\0';
	return copy;
}

/* "C.f.<locals>.g" (3.11 and later) and "g" are the same function. */
static const char *stable_function(const char *name)
{
	const char *dot = name ? strrchr(name, '.') : NULL;

	return dot && dot[1] ? dot + 1 : name;
}

/*
 * What goes into it: the cause, the file or library that the verdict names without its version, the
 * symbol, the three innermost functions of libraries, and the two innermost ones of Python. No
 * address, no folder, no line: those change with ASLR, the machine and the release. The
 * interpreter's own frames do, too (shared or static, 3.11's calls that make no frames).
 */
static void fingerprint(const struct model *m, struct verdict *v)
{
	const struct stack *stack = v->context->stack;
	const struct thread *thread = model_thread(m, v->context->tid);
	uint64_t hash = mix(0xcbf29ce484222325ull, v->best.rule->id);
	int used = 0;

	if (v->best.path)
		hash = mix(hash, stable_name(v->arena, v->best.path));
	else if (v->best.module)
		hash = mix(hash, stable_name(v->arena, v->best.module->path));
	if (v->best.symbol)
		hash = mix(hash, v->best.symbol);
	for (size_t i = 0; stack && i < stack->n && used < 3; i++) {
		const struct frame *f = &stack->frames[i];

		if (!f->module || f->ours || module_is_runtime(f->module) || module_is_python(f->module))
			continue;
		hash = mix(mix(hash, stable_name(v->arena, f->module->path)), stable_symbol(v->arena, f->raw));
		used++;
	}
	for (size_t i = 0; thread && i < thread->npython && i < 2; i++)
		hash = mix(hash, stable_function(thread->python[i].function));
	snprintf(v->fingerprint, sizeof(v->fingerprint), "%016" PRIx64, hash);
}

const char finding_unlinked[] = "nothing links it to the end";

static void add_also(struct verdict *v, const struct finding *f)
{
	static const char beaten[] = "the cause above says more of the same end, or has the stronger proof";

	v->also = realloc(v->also, (v->nalso + 1) * sizeof(*v->also));
	if (!v->also)
		abort();
	v->also[v->nalso] = *f;
	if (!v->also[v->nalso].why_not)
		v->also[v->nalso].why_not = f->confidence == SEEN ? finding_unlinked : beaten;
	v->nalso++;
}

static void verdict_open(const struct model *m, struct verdict *v)
{
	memset(v, 0, sizeof(*v));
	v->arena = xalloc(1, sizeof(*v->arena));
	v->context = xalloc(1, sizeof(*v->context));
	context_build(v->context, m, v->arena);
}

void rules_run(const struct model *m, struct verdict *v)
{
	struct finding found[TABLE_SIZE];
	size_t n = 0, best = 0;

	verdict_open(m, v);
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		struct finding f;

		finding_open(&f, table[i], v);
		f.confidence = table[i]->match(m, &f);
		if (f.confidence != NO_MATCH)
			found[n++] = f;
	}
	for (size_t i = 0; i < n; i++) {
		if (found[i].confidence >= LIKELY && better(&found[i], &v->best)) {
			v->best = found[i];
			best = i;
		}
	}
	for (size_t i = 0; i < n; i++) {
		/* General findings and "none" say nothing beside a cause. */
		if (i != best && !found[i].rule->general && strcmp(found[i].rule->id, "none") != 0)
			add_also(v, &found[i]);
	}
	for (unsigned i = 0; i < v->nalso; i++)
		finding_tell(m, &v->also[i]);
	finding_tell(m, &v->best);
	fingerprint(m, v);
}

enum confidence rule_try(const struct model *m, const struct rule *rule, struct verdict *v)
{
	verdict_open(m, v);
	finding_open(&v->best, rule, v);
	v->best.confidence = rule->match(m, &v->best);
	if (v->best.confidence != NO_MATCH)
		finding_tell(m, &v->best);
	return v->best.confidence;
}

void verdict_free(struct verdict *v)
{
	finding_close(&v->best);
	for (unsigned i = 0; i < v->nalso; i++)
		finding_close(&v->also[i]);
	free(v->also);
	if (v->arena)
		arena_free(v->arena);
	free(v->arena);
	free(v->context);
	memset(v, 0, sizeof(*v));
}

const struct rule *rule_named(const char *id)
{
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		if (strcmp(table[i]->id, id) == 0)
			return table[i];
	}
	return NULL;
}

void rules_each(void (*each)(const struct rule *rule, void *data), void *data)
{
	for (size_t i = 0; i < TABLE_SIZE; i++)
		each(table[i], data);
}
