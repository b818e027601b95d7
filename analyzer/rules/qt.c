/* SPDX-License-Identifier: MIT */
/* Qt cannot start its platform plugin and aborts: no display, or a plugin that cannot be loaded. */
#include "analyzer/howto.h"
#include "analyzer/proof.h"

#include <string.h>

static const struct frame *qt_frame(const struct stack *stack)
{
	static const char *const names[] = { "libQt5", "libQt6", "libqxcb", "QtCore", "QtGui", NULL };

	for (int i = 0; names[i]; i++) {
		const struct frame *f = frame_in(stack, names[i]);

		if (f)
			return f;
	}
	return NULL;
}

static enum confidence match(const struct model *m, struct finding *f)
{
	const char *plugin = model_stderr_line(m, "no Qt platform plugin could be initialized", true);
	const char *display = model_stderr_line(m, "could not connect to display", true);
	const char *shown = model_env(m, "DISPLAY"), *wayland = model_env(m, "WAYLAND_DISPLAY");
	bool none = !shown && !wayland;

	f->frame = qt_frame(f->context->stack);
	if (m->ending.kind != END_ABORT || !f->frame || !f->context->blame || !strstr(module_name(f->context->blame->module), "Qt"))
		return NO_MATCH;
	f->module = f->frame->module;
	f->name = shown;
	f->text = plugin ? plugin : display;
	f->number[0] = none;
	f->number[1] = display != NULL;
	if (frame_calling(f->context->stack, "QGuiApplication") || frame_calling(f->context->stack, "QMessageLogger::fatal"))
		return none || display || plugin ? PROVEN : NO_MATCH;
	return (none || display) && plugin ? PROVEN : plugin ? LIKELY : NO_MATCH;
}

/* Platform plugins that Qt itself brings (doc.qt.io, Qt Platform Abstraction). */
#define KNOWN_PLATFORMS " xcb wayland wayland-egl eglfs linuxfb minimal minimalegl offscreen vnc webgl vkkhrdisplay "

/* QT_QPA_PLATFORM names a plugin that nobody has: no display would help. */
static void explain_platform(const struct model *m, struct finding *f, const char *asked)
{
	finding_title(f, "Qt has no display plugin \"%s\", which QT_QPA_PLATFORM asks for, and aborted", asked);
	finding_cite(f, f->context->end ? f->context->end->record : m->crash.record, m->ending.time, "abort by %s",
		     frame_text(f->arena, f->context->blame));
	finding_say(f, "QT_QPA_PLATFORM is \"%s\" in this process. Qt (%s) looked for a platform plugin of that name, the part that draws "
		       "on a screen, found none, and called abort().", asked, module_name(f->module));
	howto_unset(m, f, "Take the variable away (QT_QPA_PLATFORM=offscreen draws without a display)", "QT_QPA_PLATFORM");
}

static void explain(const struct model *m, struct finding *f)
{
	const char *set = model_env(m, "QT_QPA_PLATFORM");
	const char *asked = set && *set ? arena_text(f->arena, set, strcspn(set, ":;")) : NULL;
	bool cv2 = strstr(f->module->path, "/cv2/") || strstr(f->module->path, "opencv");

	if (asked && !strstr(KNOWN_PLATFORMS, arena_printf(f->arena, " %s ", asked))) {
		explain_platform(m, f, asked);
		return;
	}
	finding_title(f, f->number[0]	? "Qt has no display to draw on, and aborted"
			 : f->number[1] ? "Qt could not connect to the display, and aborted"
					: "Qt could not start its display plugin, and aborted");
	finding_cite(f, f->context->end ? f->context->end->record : m->crash.record, m->ending.time,
		     "abort by %s", frame_text(f->arena, f->context->blame));
	if (f->text)
		finding_cite(f, 0, m->ending.time, "on stderr: %.200s", arena_line(f->arena, f->text));
	if (cv2 && f->number[0])
		finding_title(f, "OpenCV (cv2) was to open a window, and there is no display");
	finding_say(f, "Qt (%s) could not start the part that draws on a screen (a platform plugin) and gave up: it called abort().",
		    module_name(f->module));
	if (f->number[0])
		finding_say(f, "Neither DISPLAY nor WAYLAND_DISPLAY is set in this process: there "
			       "is no display, as on a server, in a container or over ssh.");
	else
		finding_say(f, "DISPLAY is \"%s\".", f->name ? f->name : "not set");
	if (cv2) {
		finding_fix(f, "Use OpenCV without windows: take opencv-python out (python -m pip uninstall opencv-python), then install%s:",
			    m->is_kernel ? ", and restart the kernel" : "");
		finding_run(f, "%s", package_command(m, f->arena, "opencv-python-headless", NULL, false));
		finding_fix(f, m->is_kernel ? "And show pictures in the notebook with matplotlib instead of cv2.imshow, which opens a window." :
					      "And write pictures into files (cv2.imwrite) instead of cv2.imshow, which opens a window.");
	}
	howto_set(m, f, AT_IMPORT, "Or let Qt and matplotlib draw without a display (no window can be shown then)",
		  "QT_QPA_PLATFORM=offscreen MPLBACKEND=agg");
}

const struct rule rule_qt_no_display = {
	.id = "qt.no-display",
	.title = "Qt could not start its display plugin, and aborted",
	.match = match,
	.explain = explain,
	.page = "Qt finds no display, or cannot load its xcb plugin, and calls abort(): "
		"cv2.imshow, %gui qt, a matplotlib window on a server.\n"
		"Proof: the abort's caller is in Qt's libraries, and DISPLAY is not set or Qt said "
		"that it could not connect.\n"
		"Mistaken for it: MKL, freetype; the plotting library that was called.",
	.sources = "https://github.com/labsyspharm/scimap/issues/112 "
		   "https://github.com/opencv/opencv-python/issues/427 "
		   "https://github.com/matplotlib/matplotlib/issues/19360",
};
