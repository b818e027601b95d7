/* SPDX-License-Identifier: MIT */
/* Prints the pages that the rules carry. */
#include "analyzer/explain.h"

#include <string.h>

#include "analyzer/rule.h"

bool explain_cause(const char *id, FILE *out)
{
	const struct rule *rule = rule_named(id);
	const char *url;

	if (!rule)
		return false;
	fprintf(out, "%s: %s\n", rule->id, rule->title);
	if (rule->page)
		fprintf(out, "\n%s\n", rule->page);
	if (rule->advice)
		fprintf(out, "\nWhat to do: %s\n", rule->advice);
	url = rule->sources;
	if (url && *url)
		fputs("\nSeen in the wild:\n", out);
	while (url && *url) {
		size_t n = strcspn(url, " ");

		if (n)
			fprintf(out, "  %.*s\n", (int)n, url);
		url += n + (url[n] == ' ');
	}
	return true;
}

static void one(const struct rule *rule, void *out)
{
	fprintf(out, "%-28s %s\n", rule->id, rule->title);
}

void list_causes(FILE *out)
{
	rules_each(one, out);
}
