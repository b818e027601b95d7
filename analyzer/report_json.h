/* SPDX-License-Identifier: MIT */
/* Between the files that write the report for programs: members of a JSON object or array. */
#ifndef REPORT_JSON_H
#define REPORT_JSON_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "analyzer/model.h"

/* name: of the member; NULL where to is an array. Out of memory ends the program. */
void json_add(cJSON *to, const char *name, cJSON *value);
cJSON *json_object(cJSON *to, const char *name);
cJSON *json_array(cJSON *to, const char *name);
void json_text(cJSON *to, const char *name, const char *s);	/* NULL: null */
void json_number(cJSON *to, const char *name, uint64_t v);	/* UNKNOWN: null */

void report_json_gpu(cJSON *root, const struct model *m);	/* report_json_gpu.c: the member "gpu" */

#endif
