/* SPDX-License-Identifier: MIT */
/* The member "gpu" of the report for programs. */
#include "analyzer/gpu.h"
#include "analyzer/proof.h"
#include "analyzer/report_json.h"

static void add_devices(cJSON *o, const struct model *m)
{
	cJSON *list = json_array(o, "devices");
	const struct event *e = NULL;

	while ((e = model_next(m, KS_cuda_device, 0, e))) {
		cJSON *d;

		if (FIELD_SIGNED(e, cuda_device, device) < 0)
			continue;
		d = json_object(list, NULL);
		json_number(d, "number", FIELD(e, cuda_device, device));
		json_text(d, "name", FIELD_TEXT(e, cuda_device, name));
		json_number(d, "total", FIELD(e, cuda_device, total));
		json_number(d, "major", FIELD(e, cuda_device, major));
		json_number(d, "minor", FIELD(e, cuda_device, minor));
	}
}

static void add_owners(cJSON *o, const struct model *m)
{
	cJSON *list = json_array(o, "owners");
	struct gpu_owner owner[32];
	size_t n = gpu_owners(m, NULL, owner, 32);

	for (size_t i = 0; i < n; i++) {
		cJSON *x = json_object(list, NULL);

		json_text(x, "library", owner[i].module ? owner[i].module->path : NULL);
		json_number(x, "bytes", owner[i].bytes);
		json_number(x, "blocks", owner[i].blocks);
	}
}

static void add_not_hooked(cJSON *o, const struct model *m)
{
	cJSON *list = json_array(o, "not_hooked");
	const struct event *e = NULL;
	uint64_t tables = 0;

	while ((e = model_next(m, KS_cuda_not_hooked, 0, e)))
		json_text(list, NULL, FIELD_TEXT(e, cuda_not_hooked, name));
	while ((e = model_next(m, KS_cuda_export_table, 0, e)))
		tables++;
	json_number(o, "export_tables", tables);
}

static const struct event *named_device(const struct model *m)
{
	const struct event *e = NULL;

	while ((e = model_next(m, KS_cuda_device, 0, e)))
		if (FIELD_TEXT(e, cuda_device, name))
			return e;
	return NULL;
}

void report_json_gpu(cJSON *root, const struct model *m)
{
	struct gpu g = gpu_look(m, m->crash.present ? m->crash.tid : m->pid);
	const struct event *device = named_device(m), *mem = model_last(m, KS_cuda_memory, 0, NULL);
	const struct ks_gpu *totals = m->gpu;
	cJSON *o;

	if (!g.used && !device) {
		json_add(root, "gpu", cJSON_CreateNull());
		return;
	}
	o = json_object(root, "gpu");
	json_text(o, "driver", g.library);
	json_text(o, "driver_number", cuda_driver_number(&g));
	json_number(o, "driver_version", g.version ? (uint64_t)g.version : UNKNOWN);
	json_add(o, "init_result", g.init ? cJSON_CreateNumber((double)FIELD_SIGNED(g.init, cuda_init, result)) : cJSON_CreateNull());
	json_text(o, "device", device ? FIELD_TEXT(device, cuda_device, name) : NULL);
	json_number(o, "total", g.total != UNKNOWN ? g.total : device ? FIELD(device, cuda_device, total) : UNKNOWN);
	json_number(o, "free", mem && g.total != UNKNOWN ? FIELD(mem, cuda_memory, free) : UNKNOWN);
	json_number(o, "live", g.live);
	json_number(o, "peak", g.peak);
	json_number(o, "pinned", totals ? totals->live[KS_GPU_PINNED] : UNKNOWN);
	json_number(o, "launches", totals ? totals->launches : UNKNOWN);
	json_number(o, "untracked", g.untracked);
	json_number(o, "first_error", g.first ? FIELD(g.first, cuda_failed, result) :
				      totals && totals->first_error ? (uint64_t)totals->first_error : UNKNOWN);
	json_text(o, "first_error_function", g.first ? FIELD_TEXT(g.first, cuda_failed, function) : NULL);
	add_devices(o, m);
	add_owners(o, m);
	add_not_hooked(o, m);
}
