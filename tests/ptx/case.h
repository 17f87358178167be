/* case.h - kernels of a few lines, as the tests of the interpreter write them. */
#ifndef GD_TESTS_PTX_CASE_H
#define GD_TESTS_PTX_CASE_H

#include "tests/check.h"
#include "tests/ptx/ptx.h"

#define CASE_HEAD        \
    ".version 9.0\n"     \
    ".target sm_80\n"    \
    ".address_size 64\n" \
    ".extern .shared .align 16 .b8 dynamic[];\n"

/* Registers that every case has. */
#define CASE_REGISTERS             \
    "  .reg .pred %p<8>;\n"        \
    "  .reg .b16 %h<8>;\n"         \
    "  .reg .b32 %r<32>;\n"        \
    "  .reg .f32 %f<8>;\n"         \
    "  .reg .b64 %rd<16>;\n"       \
    "  .reg .f64 %fd<4>;\n"        \
    "  mov.u32 %r0, %tid.x;\n"     \
    "  ld.param.u64 %rd0, [in];\n" \
    "  ld.param.u64 %rd1, [out];\n"

/* An entry `test`; %r0 is the thread, %rd0 and %rd1 the two ranges: bytes to read, and bytes to write. */
static inline char *case_text(char *text, size_t room, const char *variables, const char *body)
{
    const int n = snprintf(
        text, room,
        "%s.visible .entry test(.param .u64 in, .param .u64 out)\n.maxntid 1024, 1, 1\n{\n%s\n%s%s\n  ret;\n}\n",
        CASE_HEAD, variables, CASE_REGISTERS, body);

    assert_in_range(n, 1, room - 1);
    return text;
}

/* What a launch reads and writes. */
struct case_ranges {
    void *in, *out;
    size_t in_bytes, out_bytes;
};

static inline bool case_run(const char *text, const struct case_ranges *r, ptx_launch launch, ptx_error *err)
{
    ptx_memory *memory = ptx_memory_open();
    const uint64_t params[2] = { ptx_memory_add(memory, r->in, r->in_bytes, false),
                                 ptx_memory_add(memory, r->out, r->out_bytes, true) };
    ptx_module *module;
    bool ok = ptx_load(&module, text, err);

    launch.entry = launch.entry ? launch.entry : "test";
    launch.params = params;
    launch.param_bytes = launch.param_bytes ? launch.param_bytes : sizeof params;
    if (ok) {
        ok = ptx_run(module, memory, &launch, err);
        ptx_free(module);
    }
    ptx_memory_close(memory);
    return ok;
}

#endif
