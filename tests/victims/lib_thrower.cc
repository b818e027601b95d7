// SPDX-License-Identifier: MIT
// Throws what nobody catches; loaded by uncaught_exception.py.
#include <stdexcept>
#include <string>

struct DeviceError : std::runtime_error {
	explicit DeviceError(const std::string &text) : std::runtime_error(text) {}
};

static void fail(int code)
{
	throw DeviceError("an illegal step was encountered, code " + std::to_string(code));
}

extern "C" int run_step(int code)
{
	fail(code);
	return 0;
}
