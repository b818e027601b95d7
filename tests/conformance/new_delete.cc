// SPDX-License-Identifier: MIT
// operator new and delete in all their forms: failures as exceptions and as NULL, a new-handler that
// gives something back, a program that replaces them, containers, exceptions thrown out of constructors.
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static int handled, own;
static void *reserve;

struct alignas(256) Wide { char bytes[512]; };
struct Own {
	static void *operator new(std::size_t n) { own++; return std::malloc(n); }
	static void operator delete(void *p) { own--; std::free(p); }
	char bytes[100];
};
struct Throws { Throws() { throw std::runtime_error("in a constructor"); } std::string s = std::string(5000, 's'); };

static void handler()
{
	handled++;
	if (handled == 3)
		std::set_new_handler(nullptr);
}

static volatile std::size_t huge = static_cast<std::size_t>(-1) / 2;

static void fails(const char *what, void (*f)())
{
	try {
		f();
		std::printf("%s: no exception\n", what);
	} catch (const std::bad_array_new_length &e) {
		std::printf("%s: length, %s\n", what, e.what());
	} catch (const std::bad_alloc &e) {
		std::printf("%s: %s\n", what, e.what());
	} catch (const std::exception &e) {
		std::printf("%s: other, %s\n", what, e.what());
	}
}

static char *volatile sink;

static void work()
{
	std::map<std::string, std::vector<std::string>> m;
	std::deque<std::unique_ptr<Wide>> d;

	for (int i = 0; i < 3000; i++) {
		m[std::to_string(i % 97)].push_back(std::string(static_cast<std::size_t>(i), 'x'));
		d.push_back(std::make_unique<Wide>());
		if (i % 3 == 0)
			d.pop_front();
	}
	std::size_t sum = 0;
	for (auto &p : m)
		for (auto &s : p.second)
			sum += s.size();
	std::printf("work %zu %zu\n", sum, d.size());
}

int main()
{
	fails("huge", [] { sink = new char[huge - 100]; });
	fails("length", [] { struct S { char c[16]; }; sink = reinterpret_cast<char *>(new S[huge]); });
	fails("vector", [] { std::vector<char> v; v.resize(huge - 10000); });
	fails("string", [] { std::string s("x"); s.resize(huge); });
	fails("constructor", [] { delete new Throws; });
	std::printf("nothrow %d\n", new (std::nothrow) char[huge - 100] != nullptr);
	std::set_new_handler(handler);
	fails("handler", [] { sink = new char[huge - 100]; });
	std::printf("handled %d\n", handled);
	reserve = std::malloc(100);
	std::set_new_handler([] { std::free(reserve); std::set_new_handler(nullptr); throw std::bad_alloc(); });
	fails("handler throws", [] { sink = new char[huge - 100]; });
	Wide *w = new Wide, *a = new Wide[3];
	std::printf("aligned %d %d\n", reinterpret_cast<std::size_t>(w) % 256 == 0, reinterpret_cast<std::size_t>(a) % 256 == 0);
	delete w;
	delete[] a;
	fails("aligned huge", [] { sink = static_cast<char *>(::operator new(huge - 4096, std::align_val_t(4096))); });
	Own *o = new Own;
	std::printf("own %d\n", own);
	delete o;
	std::printf("own %d\n", own);
	::operator delete(::operator new(0));
	::operator delete(::operator new(100000), std::size_t(100000));
	delete static_cast<char *>(nullptr);
	work();
	std::thread(work).join();
	return 0;
}
