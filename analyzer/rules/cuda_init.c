/* SPDX-License-Identifier: MIT */
/* The driver is there, and cannot work: its kernel side, the fabric manager, the MPS server or the device's mode are in the way. */
#include "analyzer/rules/cuda.h"
#include "analyzer/howto.h"

#include <string.h>

static const struct remedy {
	int code;
	const char *why, *fix;
} remedies[] = {
	{ 802, "On machines with NVSwitch (HGX, DGX) the driver waits for nvidia-fabricmanager, which must run in exactly the driver's version.",
	  "Ask the administrator to install it in the driver's version and to start it $ sudo systemctl start nvidia-fabricmanager" },
	{ 999, "Most often /dev/nvidia-uvm is missing, or stale after a suspend.",
	  "Load that part of the driver anew (it takes the administrator; a reboot does it, too) $ sudo nvidia-modprobe -c 0 -u || { sudo rmmod nvidia_uvm && sudo modprobe nvidia_uvm; }" },
	{ 46, "The device's compute mode allows one process at a time (or none), and another one has it.",
	  "End the other process, or let several use the device (it takes the administrator; nvidia-smi -q -d COMPUTE shows the mode) $ sudo nvidia-smi -c 0" },
	{ 304, "A call to the operating system failed: the devices cannot be opened, or a limit is in the way.",
	  "See whether you may read and write these files, and ask the administrator if not (in a container: docker run --gpus all) $ ls -l /dev/nvidia*" },
	{ 302, "Parts of the driver do not fit together.", "Reinstall the driver; in a container remove its own libnvidia-*.so" },
	{ 102, "The virtual GPU has no licence.", "Ask the administrator for the licence server of the vGPU" },
	{ 805, "The control daemon of MPS cannot be reached.", "Start it again, or do without it (unset CUDA_MPS_PIPE_DIRECTORY) $ nvidia-cuda-mps-control -d" },
	{ 806, "The MPS server gave an error.", "Restart it $ echo quit | nvidia-cuda-mps-control; nvidia-cuda-mps-control -d" },
	{ 807, "The MPS server is not ready.", "Wait and try again, or restart it $ echo quit | nvidia-cuda-mps-control; nvidia-cuda-mps-control -d" },
	{ 0, NULL, NULL },
};

static const struct remedy *remedy_for(int code)
{
	for (const struct remedy *r = remedies; r->code; r++)
		if (r->code == code)
			return r;
	return NULL;
}

/* These codes say it of cuInit and of what comes before the first context; later 999 may be anything. */
static bool early(const char *function)
{
	return function && (strcmp(function, "cuInit") == 0 || strncmp(function, "cuDevice", 8) == 0 || strncmp(function, "cuCtxCreate", 11) == 0);
}

static enum confidence match(const struct model *m, struct finding *f)
{
	const struct event *e = NULL;

	while ((e = model_next(m, KS_cuda_failed, 0, e))) {
		if (!remedy_for((int)FIELD_SIGNED(e, cuda_failed, result)) || !early(FIELD_TEXT(e, cuda_failed, function)))
			continue;
		f->event = e;
		return cuda_link(m, f, e);
	}
	return NO_MATCH;
}

static void explain(const struct model *m, struct finding *f)
{
	int code = (int)FIELD_SIGNED(f->event, cuda_failed, result);
	const struct remedy *r = remedy_for(code);
	struct gpu g = gpu_look(m, f->context->tid);

	finding_title(f, "The NVIDIA driver is there and cannot work: %s", cuda_error_meaning(code));
	cuda_cite(f, f->event);
	finding_say(f, "%s said %d, %s.", FIELD_TEXT(f->event, cuda_failed, function), code, cuda_error_name(code));
	finding_say(f, "%s", r->why);
	if (g.driver && FIELD_TEXT(g.driver, cuda_driver, kernel))
		finding_say(f, "The kernel module says: %s.", FIELD_TEXT(g.driver, cuda_driver, kernel));
	cuda_say_log(m, f);
	howto_words(m, f, r->fix);
	howto_set(m, f, AT_IMPORT, "Or run on the CPU for now", "CUDA_VISIBLE_DEVICES=-1");
}

const struct rule rule_cuda_init_failed = {
	.id = "cuda.init-failed",
	.title = "The NVIDIA driver is there and cannot work",
	.match = match,
	.explain = explain,
	.page = "The driver cannot reach its kernel side, the fabric manager or the MPS server, or the device is taken.\n"
		"Proof: cuInit or the first use of a device gave 46, 102, 302, 304, 802, 805 to 807 or 999, linked to the end.\n"
		"Mistaken for it: no driver, a driver of the wrong version; and CPU fallback, where the same code is harmless.",
	.sources = "https://github.com/pytorch/pytorch/issues/35710 "
		   "https://github.com/pytorch/pytorch/issues/49081",
};
