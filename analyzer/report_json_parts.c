/* SPDX-License-Identifier: MIT */
/* See report_json.h. */
#include "analyzer/report_json.h"

#include <string.h>

#include "analyzer/error.h"
#include "analyzer/model.h"
#include "analyzer/text.h"

void json_add(cJSON *to, const char *name, cJSON *value)
{
	if (!value)
		die(EXIT_NO_TRACE, "out of memory");
	if (name)
		cJSON_AddItemToObject(to, name, value);
	else
		cJSON_AddItemToArray(to, value);
}

cJSON *json_object(cJSON *to, const char *name)
{
	cJSON *o = cJSON_CreateObject();

	json_add(to, name, o);
	return o;
}

cJSON *json_array(cJSON *to, const char *name)
{
	cJSON *a = cJSON_CreateArray();

	json_add(to, name, a);
	return a;
}

/* Texts of the model are clean already; those of a caller or of a rule may quote what is not. */
void json_text(cJSON *to, const char *name, const char *s)
{
	struct text t = { 0 };

	if (!s) {
		json_add(to, name, cJSON_CreateNull());
		return;
	}
	text_clean(&t, s, strlen(s));
	json_add(to, name, cJSON_CreateString(text_get(&t)));
	text_free(&t);
}

void json_number(cJSON *to, const char *name, uint64_t v)
{
	json_add(to, name, v == UNKNOWN ? cJSON_CreateNull() : cJSON_CreateNumber((double)v));
}
