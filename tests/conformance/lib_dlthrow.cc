/*
 * Its constructor throws where the environment says so, through dlopen.
 */
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

struct Noisy {
	~Noisy() { std::puts("constructor: unwound"); }
};

__attribute__((constructor)) static void begin()
{
	Noisy noisy;

	if (std::getenv("DL_THROW"))
		throw std::runtime_error("from a constructor");
	std::puts("constructor: done");
}
