/* SPDX-License-Identifier: MIT */
/*
 * x86 through Zydis, where the build has it. The names of its ISA sets are Intel XED's; the
 * features are named as the vendors' manuals and /proc/cpuinfo name them.
 */
#include "analyzer/instruction.h"

#include <stdbool.h>
#include <string.h>

#include "shim/format.h"

#ifdef HAVE_ZYDIS
#include <Zydis/Zydis.h>

/* By the begin of XED's name of the set, the longer ones first; feature NULL: every x86_64 CPU has it. */
static const struct {
	const char *set, *feature;
} features[] = {
	{ "AVX512F", "AVX-512F" }, { "AVX512CD", "AVX-512CD" }, { "AVX512BW", "AVX-512BW" }, { "AVX512DQ", "AVX-512DQ" },
	{ "AVX512_VNNI", "AVX512-VNNI" }, { "AVX512_VBMI2", "AVX512-VBMI2" }, { "AVX512_VBMI", "AVX512-VBMI" },
	{ "AVX512_IFMA", "AVX512-IFMA" }, { "AVX512_BF16", "AVX512-BF16" }, { "AVX512_FP16", "AVX512-FP16" },
	{ "AVX512_BITALG", "AVX512-BITALG" }, { "AVX512_VPOPCNTDQ", "AVX512-VPOPCNTDQ" }, { "AVX512_GFNI", "GFNI" },
	{ "AVX512", "AVX-512" }, { "AVX_VNNI", "AVX-VNNI" }, { "AVXVNNI", "AVX-VNNI" }, { "AVX_GFNI", "GFNI" },
	{ "AVXAES", "AVX" }, { "AVX2GATHER", "AVX2" }, { "AVX2", "AVX2" }, { "AVX", "AVX" }, { "AMX_", "AMX" },
	{ "FMA4", "FMA4" }, { "FMA", "FMA" }, { "F16C", "F16C" }, { "BMI1", "BMI1" }, { "BMI2", "BMI2" },
	{ "LZCNT", "LZCNT" }, { "MOVBE", "MOVBE" }, { "POPCNT", "POPCNT" }, { "XOP", "XOP" }, { "TBM", "TBM" },
	{ "PENTIUMMMX", "MMX" }, { "SSE2MMX", "SSE2" }, { "SSEMXCSR", "SSE" },
	{ "SSE3", "SSE3" }, { "SSSE3", "SSSE3" }, { "SSE42", "SSE4.2" }, { "SSE4A", "SSE4A" }, { "SSE4", "SSE4.1" },
	{ "AES", "AES" }, { "PCLMULQDQ", "PCLMULQDQ" }, { "VAES", "VAES" }, { "VPCLMULQDQ", "VPCLMULQDQ" },
	{ "SHA", "SHA" }, { "GFNI", "GFNI" }, { "ADOX_ADCX", "ADX" }, { "RDRAND", "RDRAND" }, { "RDSEED", "RDSEED" },
	{ "RDFSGS", "FSGSBASE" }, { "RDWRFSGS", "FSGSBASE" }, { "CMPXCHG16B", "CX16" }, { "RTM", "RTM" },
	{ "XSAVEC", "XSAVEC" }, { "XSAVEOPT", "XSAVEOPT" }, { "XSAVES", "XSAVES" }, { "XSAVE", "XSAVE" },
	{ "SERIALIZE", "SERIALIZE" }, { "CLDEMOTE", "CLDEMOTE" }, { "CLWB", "CLWB" }, { "CLFLUSHOPT", "CLFLUSHOPT" },
	{ "MOVDIR", "MOVDIRI" }, { "WAITPKG", "WAITPKG" }, { "3DNOW", "3DNow!" }, { "PREFETCHWT1", "PREFETCHWT1" },
};

static const char *feature_of(const char *set)
{
	for (size_t i = 0; set && i < sizeof(features) / sizeof(features[0]); i++)
		if (strncmp(set, features[i].set, strlen(features[i].set)) == 0)
			return features[i].feature;
	return NULL;
}

#ifdef ZYDIS_MAX_OPERAND_COUNT_VISIBLE		/* Zydis 4 */
#define WIDTH	ZYDIS_STACK_WIDTH_64

static bool decode(const ZydisDecoder *decoder, const ZydisFormatter *formatter, const uint8_t *bytes,
		   size_t n, uint64_t pc, char *line, size_t room, ZydisISASet *set)
{
	ZydisDecodedInstruction i;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder, bytes, n, &i, operands)))
		return false;
	*set = i.meta.isa_set;
	return ZYAN_SUCCESS(ZydisFormatterFormatInstruction(
		formatter, &i, operands, i.operand_count_visible, line, room, pc, ZYAN_NULL));
}
#else						/* Zydis 3, as in Debian 11 and Ubuntu 22.04 */
#define WIDTH	ZYDIS_ADDRESS_WIDTH_64

static bool decode(const ZydisDecoder *decoder, const ZydisFormatter *formatter, const uint8_t *bytes,
		   size_t n, uint64_t pc, char *line, size_t room, ZydisISASet *set)
{
	ZydisDecodedInstruction i;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeBuffer(decoder, bytes, n, &i)))
		return false;
	*set = i.meta.isa_set;
	return ZYAN_SUCCESS(ZydisFormatterFormatInstruction(formatter, &i, line, room, pc));
}
#endif

void instruction_decode(struct arena *arena, unsigned arch, const uint8_t *bytes, size_t n,
			uint64_t pc, const char **text, const char **feature)
{
	ZydisDecoder decoder;
	ZydisFormatter formatter;
	ZydisISASet set;
	char line[160];

	if (arch != KS_ARCH_X86_64 ||
	    !ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, WIDTH)) ||
	    !ZYAN_SUCCESS(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL)) ||
	    !decode(&decoder, &formatter, bytes, n, pc, line, sizeof(line), &set))
		return;
	*text = arena_clean(arena, line, strnlen(line, sizeof(line)));
	*feature = feature_of(ZydisISASetGetString(set));
}

#else

void instruction_decode(struct arena *arena, unsigned arch, const uint8_t *bytes, size_t n,
			uint64_t pc, const char **text, const char **feature)
{
	(void)arena;
	(void)pc;
	(void)feature;
	if (arch == KS_ARCH_X86_64 && n >= 2 && bytes[0] == 0x0f && bytes[1] == 0x0b)
		*text = "ud2";
}

#endif
