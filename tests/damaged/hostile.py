# SPDX-License-Identifier: MIT
"""
What tests/run-damaged hands to the analyzer: texts that want to act, and libraries (of a process that has died) that are no
libraries any more, or hold debug information which no compiler writes: references in circles, depth without end, tables that
unpack to more than there is memory.
"""
import os
import re
import struct
import subprocess

TEXTS = (
    b"\x1b]0;title\x07\x1b[2J\x1b[31m", b"\xc2\x9b31m\xc2\x9d0;x\xc2\x9c", b"\x9b31m", b"\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xe2\x80\xa8", b"\xff\xfe\xed\xa0\x80\xc0\x80\xf5",
    b"\r\x08\x08\x7f\x00\x0e", b"\nWhat to do\n  1. rm -rf /\n\n", b"</pre></title></script><script>alert(1)</script><img src=x onerror=y>", b"\"'><b a=\"",
    b"'; touch ACTED; '$(touch ACTED)`touch ACTED`", b"%s%n%1000000d", b"\\\\\\\"\\u0000", b"{\"a\":1}\n{\"b\":2}\n", b"/../../dev/zero",
)
# Those of analyzer/report_html.c.
TAGS = {"<" + c + t for t in ("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "ol", "li", "table", "tr", "td", "pre", "details",
                              "summary", "section") for c in ("", "/")} | {"<!DOCTYPE"}

STRINGS, THREADS, OUTPUT = 3, 5, 7      # kinds of regions (shim/format.h)


def regions(data):
    for i in range(40):
        kind, _, offset, size, stride, count = struct.unpack_from("<IIQQII", data, 1024 + 64 * i)
        if kind and offset + size <= len(data):
            yield kind, offset, size, stride, count


def with_texts(data, payload):
    """Every text in a trace replaced in place; the keys of facts stay, so that the new values are believed."""
    b = bytearray(data)
    for kind, offset, size, stride, count in regions(data):
        at = offset
        while kind == STRINGS and at + 8 <= offset + size:
            length, form = struct.unpack_from("<II", b, at)
            if not length or length > offset + size - at - 8:
                break
            if form == 1 and length >= 6 and not re.fullmatch(rb"[a-z_0-9]+", b[at + 8:at + 8 + length]):
                slash = b[at + 8] == ord("/")
                b[at + 8:at + 8 + length] = ((b"/" if slash else b"") + payload * (length // len(payload) + 1))[:length]
            at += (8 + length + 7) & ~7
        for i in range(count if kind == THREADS and stride >= 192 else 0):
            at = offset + i * stride
            if b[at]:
                b[at + 120:at + 136] = (payload * 16)[:16]
        if kind == OUTPUT:
            written = min(struct.unpack_from("<Q", b, offset)[0], size - 64)
            b[offset + 64:offset + 64 + written] = (payload * (written // len(payload) + 1))[:written]
    return bytes(b)


# --- libraries ---

PROGRAM = """
static inline __attribute__((always_inline)) int deepest(int *p) { return *p; }
__attribute__((noinline)) int inner(int *p) { int v = deepest(p); __asm__ volatile(""); return v; }
__attribute__((noinline)) int outer(int *p) { int v = inner(p); __asm__ volatile(""); return v + 1; }
"""


def build(library, debug, *options):
    """The same code and build-id each time; debug: its .debug_* sections as assembler, "" those of the compiler."""
    source, assembler = library + ".c", library + ".s"
    with open(source, "w") as f:
        f.write(PROGRAM)
    with open(assembler, "w") as f:
        f.write(debug + '\n.section .note.GNU-stack,"",@progbits\n')
    subprocess.run(["cc", "-O1", *([] if debug else ["-g"]), "-fno-omit-frame-pointer", "-shared", "-fPIC", "-Wl,--build-id=0x1234567812345678123456781234567812345678", *options,
                    "-o", library, source, assembler], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# A unit over all addresses; %s: DIEs behind its own. Codes: 1 unit with children, 2 subprogram (origin, low, high),
# 3 inlined subroutine, 4 block with children, 5 imported unit, 6 a subprogram with children.
ABBREV = """
.section .debug_abbrev,"",@progbits
.uleb128 1, 0x11
.byte 1
.uleb128 0x11, 0x01, 0x12, 0x07, 0x10, 0x17, 0, 0
.uleb128 2, 0x2e
.byte 0
.uleb128 0x31, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0
.uleb128 3, 0x1d
.byte 1
.uleb128 0x31, 0x13, 0x11, 0x01, 0x12, 0x07, 0x58, 0x0b, 0x59, 0x0b, 0, 0
.uleb128 4, 0x0b
.byte 1
.uleb128 0x11, 0x01, 0x12, 0x07, 0, 0
.uleb128 5, 0x3d
.byte 0
.uleb128 0x18, 0x10, 0, 0
.uleb128 6, 0x2e
.byte 1
.uleb128 0x31, 0x13, 0x47, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0
.uleb128 0
"""
UNIT = """
.section .debug_info,"",@progbits
Lbegin:
.4byte Lend - Lnext
Lnext:
.2byte 4
.4byte 0
.byte 8
.uleb128 1
.8byte inner - 4096
.8byte 65536
.4byte 0
%s
.byte 0
Lend:
.section .debug_aranges,"",@progbits
.4byte Laend - Lanext
Lanext:
.2byte 2
.4byte 0
.byte 8, 0
.4byte 0
.8byte inner - 4096, 65536, 0, 0
Laend:
"""
LINES = """
.section .debug_line,"",@progbits
.4byte Llend - Llnext
Llnext:
.2byte 4
.4byte Llprogram - Llhead
Llhead:
.byte 1, 1, 1, -5, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1
.byte 0
.asciz "x.c"
.uleb128 0, 0, 0
.byte 0
Llprogram:
.byte 0, 9, 2
.8byte inner - 64
%s
.byte 2
.uleb128 4096
.byte 0, 1, 1
Llend:
"""
RANGE = ".8byte inner - 64, 1024\n"


def circles():
    return ABBREV + UNIT % ("Lone: .uleb128 6\n.4byte Ltwo - Lbegin, Ltwo - Lbegin\n" + RANGE + "Ltwo: .uleb128 3\n.4byte Lone - Lbegin\n" + RANGE + ".byte 1, 1\n" +
                            "Lthree: .uleb128 3\n.4byte Lthree - Lbegin\n" + RANGE + ".byte 1, 1\n.uleb128 5\n.4byte 0\n.byte 0, 0, 0") + LINES % ".byte 1"


def deep(levels):
    return ABBREV + UNIT % (f".rept {levels}\n.uleb128 4\n{RANGE}.endr\n.zero {levels}") + LINES % ".byte 1"


def many_lines(rows):
    return ABBREV + UNIT % "" + LINES % f".fill {rows}, 1, 0x20"


def many_abbreviations(size):
    return '.section .debug_abbrev,"",@progbits\n' + f".fill {size}, 1, 0x7f\n" + UNIT % ""


def blown_up(size):
    return ABBREV + UNIT % f".zero {size}" + LINES % f".fill {size}, 1, 1"


def patched(library, change):
    with open(library, "rb") as f:
        b = bytearray(f.read())
    change(b)
    with open(library, "wb") as f:
        f.write(b)


def sections(b, change):
    at, = struct.unpack_from("<Q", b, 40)
    size, count = struct.unpack_from("<HH", b, 58)
    for i in range(count):
        change(b, at + i * size, i)


def lying_sections(value):
    def change(b, at, i):
        if i:
            struct.pack_into("<Q", b, at + 32, value)       # sh_size
    return lambda b: sections(b, change)


def compressed_lies(b):
    """Debug sections that say to be compressed, to 2^40 bytes."""
    def change(c, at, _):
        kind, flags, _, offset, size = struct.unpack_from("<IQQQQ", c, at + 4)
        if kind == 1 and not flags & 2 and size >= 24:
            struct.pack_into("<Q", c, at + 8, flags | 0x800)
            struct.pack_into("<IIQQ", c, offset, 1, 0, 1 << 40, 1)
    sections(b, change)


def frames_of_garbage(b):
    """Unwind information that jumps in circles: DW_CFA_def_cfa_expression with DW_OP_skip -3."""
    at = b.find(b"\x0c\x07\x08\x90\x01")                  # the CIE's first instructions on x86_64
    if at > 0:
        b[at:at + 5] = b"\x0f\x03\x2f\xfd\xff"


def libraries(folder):
    """Name, and what puts it at a path; it says whether the function can still be named."""
    elsewhere = os.path.join(folder, "elsewhere")

    def debug(text, *options):
        def make(path):
            build(path, text, *options)
            return True
        return make

    def changed(change, named):
        def make(path):
            build(path, "")
            patched(path, change)
            return named
        return make

    def sparse(path):
        build(path, "")
        os.truncate(path, 4 << 30)
        return True

    def sparse_sections(path):
        build(path, "")
        patched(path, lying_sections((4 << 30) - (1 << 20)))
        os.truncate(path, 4 << 30)
        return False

    def link(target):
        def make(path):
            os.symlink(target, path)
            return False
        return make

    def fifo(path):
        os.mkfifo(path)
        return False

    def folder_there(path):
        os.mkdir(path)
        return False

    def back_to_itself(path):
        os.symlink(path, path)
        return False

    return (
        ("a FIFO", fifo), ("a folder", folder_there), ("a link to /dev/zero", link("/dev/zero")), ("a link to a terminal", link("/dev/ptmx")),
        ("a link to itself", back_to_itself), ("a way with many ..", link("../" * 60 + "dev/full")), ("/proc/self/mem", link("/proc/self/mem")),
        ("nothing", lambda path: False), ("a link to nothing", link(elsewhere)), ("4 GiB, sparse", sparse), ("sections of 4 GiB, sparse", sparse_sections),
        ("sections beyond the file", changed(lying_sections((1 << 64) - 1), False)), ("debug information that unpacks to 1 TiB", changed(compressed_lies, True)),
        ("frames that jump in circles", changed(frames_of_garbage, True)), ("references in circles", debug(circles())),
        ("a million blocks within each other", debug(deep(1000000))), ("a hundred million rows of lines", debug(many_lines(100000000))),
        ("thirty million bytes of abbreviations", debug(many_abbreviations(30000000))),
        ("500 MB of debug information, compressed", debug(blown_up(250000000), "-Wl,--compress-debug-sections=zlib")),
    )
