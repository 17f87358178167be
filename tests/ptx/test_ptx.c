/* test_ptx.c - each instruction of the interpreter against C: its value for operands of all kinds in 256 threads. */
#include "tests/ptx/case.h"

#include <math.h>

enum { THREADS = 256 };

/* A thread's operands: a, b and c as 64 bits each; their lower halves are those of 32 bits. */
struct operands {
    uint64_t a, b, c, unused;
};

static float f32(uint64_t bits)
{
    const uint32_t low = (uint32_t)bits;
    float f;

    memcpy(&f, &low, sizeof f);
    return f;
}

static uint32_t bits(float f)
{
    uint32_t b;

    memcpy(&b, &f, sizeof b);
    return b;
}

/* Subnormal numbers become zero and keep their sign. */
static float flush(float f) { return fabsf(f) < 0x1p-126f ? copysignf(0, f) : f; }
static float in(uint64_t x) { return flush(f32(x)); }
static uint32_t out(float f) { return isnan(f) ? 0x7FFFFFFF : bits(flush(f)); }

static int32_t s32(uint64_t x) { return (int32_t)(uint32_t)x; }
static uint32_t u32(uint64_t x) { return (uint32_t)x; }
static int16_t s16(uint64_t x) { return (int16_t)(uint16_t)x; }
static uint16_t u16(uint64_t x) { return (uint16_t)x; }

static float min_of(float a, float b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) ? b : a;
    return a < b || (a == b && signbit(a)) ? a : b;
}

static float max_of(float a, float b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) ? b : a;
    return a > b || (a == b && !signbit(a)) ? a : b;
}

static uint32_t clamped(double f, double least, double most)
{
    if (isnan(f))
        return 0;
    return (uint32_t)(int64_t)(f < least ? least : f > most ? most : f);
}

/* Bit by bit. */
static uint32_t field(uint32_t a, uint32_t position, uint32_t length, bool extends)
{
    uint32_t value = 0;

    for (uint32_t i = 0; i < 32; i++) {
        const uint32_t last = position + length - 1 < 31 ? position + length - 1 : 31;
        const uint32_t at = i < length && position + i < 32 ? position + i : last;

        if ((i < length && position + i < 32) || (extends && length))
            value |= (a >> at & 1) << i;
    }
    return value;
}

static uint32_t insert(uint32_t a, uint32_t b, uint32_t position, uint32_t length)
{
    for (uint32_t i = 0; i < length && position + i < 32; i++)
        b = (b & ~(1u << (position + i))) | (a >> i & 1) << (position + i);
    return b;
}

static uint32_t bytes_of(uint32_t a, uint32_t b, uint32_t choice)
{
    uint8_t from[8], to[4];
    uint32_t value;

    memcpy(from, &a, 4);
    memcpy(from + 4, &b, 4);
    for (unsigned i = 0; i < 4; i++) {
        const unsigned c = choice >> 4 * i & 15;

        to[i] = c & 8 ? (from[c & 7] & 0x80 ? 0xFF : 0) : from[c & 7];
    }
    memcpy(&value, to, 4);
    return value;
}

static uint64_t high(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;

    return (uint64_t)((wide)a * b >> 64);
}

static uint32_t mirrored(uint32_t a)
{
    uint32_t b = 0;

    for (unsigned i = 0; i < 32; i++)
        b |= (a >> i & 1) << (31 - i);
    return b;
}

static uint64_t quotient(int64_t a, int64_t b) { return b == -1 ? 0 - (uint64_t)a : (uint64_t)(a / (b ? b : 1)); }

/* name, instructions, value of the 64 bits of %rd9: registers are %r1 %r2 %r3 = %f1 %f2 %f3 = the lower halves of %rd2
 * %rd3 %rd4; results of 32 bits are in %r9 or %f4, of 16 in %h4, predicates in %p1. */
#define W(name, text, value) X(name, text "\n cvt.u64.u32 %rd9, %r9;", (uint32_t)(value))
#define F(name, text, value) X(name, text "\n mov.b32 %r9, %f4;\n cvt.u64.u32 %rd9, %r9;", out(value))
#define D(name, text, value) X(name, text, (uint64_t)(value))
#define H(name, text, value) X(name, text "\n cvt.u64.u16 %rd9, %h4;", (uint16_t)(value))
#define P(name, text, value) X(name, text "\n selp.b64 %rd9, 1, 0, %p1;", (uint64_t)(value))

#include "tests/ptx/cases.def"

#define X(name, text, value)                                         \
    static uint64_t value_##name(uint64_t a, uint64_t b, uint64_t c) \
    {                                                                \
        (void)a, (void)b, (void)c;                                   \
        return value;                                                \
    }
ALL_CASES
#undef X

static const struct one {
    const char *name, *text;
    uint64_t (*value)(uint64_t a, uint64_t b, uint64_t c);
} cases[] = {
#define X(name, text, value) { #name, text, value_##name },
    ALL_CASES
#undef X
};

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state >> 32 ^ *state << 20;
}

/* Numbers at the ends of their types, floats of all kinds, and random ones. */
static uint64_t operand(uint64_t *state)
{
    static const uint64_t edges[] = { 0,
                                      1,
                                      2,
                                      31,
                                      32,
                                      33,
                                      63,
                                      64,
                                      255,
                                      256,
                                      0x7FFF,
                                      0x8000,
                                      0xFFFF,
                                      0x7FFFFFFF,
                                      0x80000000,
                                      0xFFFFFFFF,
                                      0x00400000,
                                      0x80400000,
                                      0x00800000,
                                      0x80800001,
                                      0x3F800000,
                                      0xBF800000,
                                      0x3FC00000,
                                      0x4B000001,
                                      0x4F000000,
                                      0x5F000000,
                                      0x7F7FFFFF,
                                      0x7F800000,
                                      0xFF800000,
                                      0x7FC00001,
                                      0xFF800001,
                                      0x1F800000,
                                      0x20000003,
                                      0x8000000000000000ull,
                                      0xFFFFFFFFFFFFFFFFull,
                                      0x7FFFFFFFFFFFFFFFull,
                                      0x4330000080000000ull };
    const uint64_t kind = next_random(state) % 4, r = next_random(state);

    if (kind < 2)
        return edges[r % (sizeof edges / sizeof *edges)];
    return kind == 2 ? r : 0x3E000000 + r % 0x02000000; /* an ordinary float */
}

static void check_case(const struct one *c, uint64_t *state)
{
    struct operands from[THREADS];
    uint64_t to[THREADS] = { 0 };
    const struct case_ranges ranges = { from, to, sizeof from, sizeof to };
    char text[4096], body[2048];
    ptx_error err = { "" };

    for (size_t i = 0; i < THREADS; i++)
        from[i] = (struct operands){ operand(state), operand(state), operand(state), 0 };
    (void)
        snprintf(body, sizeof body,
                 " mul.wide.u32 %%rd8, %%r0, 32;\n add.s64 %%rd0, %%rd0, %%rd8;\n mad.wide.u32 %%rd1, %%r0, 8, %%rd1;\n"
                 " ld.global.v2.u64 {%%rd2, %%rd3}, [%%rd0];\n ld.global.u64 %%rd4, [%%rd0+16];\n"
                 " cvt.u32.u64 %%r1, %%rd2;\n cvt.u32.u64 %%r2, %%rd3;\n cvt.u32.u64 %%r3, %%rd4;\n"
                 " mov.b32 %%f1, %%r1;\n mov.b32 %%f2, %%r2;\n mov.b32 %%f3, %%r3;\n"
                 " cvt.u16.u32 %%h1, %%r1;\n cvt.u16.u32 %%h2, %%r2;\n cvt.u16.u32 %%h3, %%r3;\n"
                 "%s\n st.global.u64 [%%rd1], %%rd9;\n",
                 c->text);
    if (!case_run(case_text(text, sizeof text, "", body), &ranges, (ptx_launch){ .block = { THREADS } }, &err))
        fail_msg("%s: %s", c->name, err.text);
    for (size_t i = 0; i < THREADS; i++) {
        const uint64_t value = c->value(from[i].a, from[i].b, from[i].c);

        if (to[i] != value)
            fail_msg("%s of %016llx, %016llx, %016llx: %016llx, but %016llx is expected", c->name,
                     (unsigned long long)from[i].a, (unsigned long long)from[i].b, (unsigned long long)from[i].c,
                     (unsigned long long)to[i], (unsigned long long)value);
    }
}

static const char *const variants[] = { "generic", "avx2", "avx512", NULL };

static void instructions_have_the_values_of_c(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (const char *const *v = variants; *v; v++)
        for (size_t i = 0; ptx_choose(*v) && i < sizeof cases / sizeof *cases; i++)
            for (unsigned k = 0; k < 4; k++)
                check_case(&cases[i], &random);
    assert_true(ptx_choose(NULL));
}

/* ---- what lanes do together, and where they go ---- */

static void run_body(const char *variables, const char *body, const uint32_t *in_words, uint32_t *out_words)
{
    const struct case_ranges ranges = { (void *)(uintptr_t)in_words, out_words, 64 * 4, 64 * 4 };
    char text[8192], all[4096];
    ptx_error err = { "" };

    (void)snprintf(all, sizeof all,
                   " mad.wide.u32 %%rd0, %%r0, 4, %%rd0;\n mad.wide.u32 %%rd1, %%r0, 4, %%rd1;\n"
                   " ld.global.u32 %%r1, [%%rd0];\n%s\n st.global.u32 [%%rd1], %%r9;\n",
                   body);
    for (unsigned turn = 0; turn < 12; turn++) {
        const ptx_launch launch = { .block = { 64 }, .order = turn % 4, .shared_bytes = 1024 };

        if (!ptx_choose(variants[turn / 4]))
            continue;
        memset(out_words, 0xEE, 64 * 4);
        if (!case_run(case_text(text, sizeof text, variables, all), &ranges, launch, &err))
            fail_msg("%s", err.text);
    }
    assert_true(ptx_choose(NULL));
}

/* One body for two warps; the value of each thread. */
static void check_lanes(const char *variables, const char *body, uint32_t (*value)(const uint32_t *x, uint32_t thread))
{
    uint32_t x[64], y[64];
    uint64_t random = 7;

    for (size_t i = 0; i < 64; i++)
        x[i] = (uint32_t)next_random(&random);
    run_body(variables, body, x, y);
    for (uint32_t i = 0; i < 64; i++)
        if (y[i] != value(x, i))
            fail_msg("thread %u: %08x, but %08x is expected, of%s", i, y[i], value(x, i), body);
}

static uint32_t bfly(const uint32_t *x, uint32_t i) { return x[i ^ 5]; }
static uint32_t idx(const uint32_t *x, uint32_t i) { return x[(i & ~7u) | 3]; }
static uint32_t up(const uint32_t *x, uint32_t i) { return i % 32 < 3 ? x[i] + 1 : x[i - 3]; }
static uint32_t down(const uint32_t *x, uint32_t i) { return i % 16 + 2 > 15 ? x[i] : x[i + 2]; }
static uint32_t odd(const uint32_t *x, uint32_t i)
{
    uint32_t all = 0;

    for (uint32_t k = 0; k < 32; k++)
        all |= (x[(i & ~31u) + k] & 1) << k;
    return all;
}
static uint32_t votes(const uint32_t *x, uint32_t i) { return x && i < 32 ? 1 : 2 + 4; }
static uint32_t parity(const uint32_t *x, uint32_t i) { return (x[i] & 1) ? 3 * i + 1 : 2 * i + 1; }
static uint32_t sum_below(const uint32_t *x, uint32_t i) { return x ? i * (i + 1) / 2 : 0; }
static uint32_t by_table(const uint32_t *x, uint32_t i) { return !x ? 0 : i % 4 == 0 ? 10 : i % 4 == 1 ? 20 : 30; }
static uint32_t reverse(const uint32_t *x, uint32_t i) { return x[63 - i]; }
static uint32_t same(const uint32_t *x, uint32_t i) { return x[i]; }
static uint32_t zero_fill(const uint32_t *x, uint32_t i) { return i % 2 ? 0 : x[i]; }
static uint32_t halves(const uint32_t *x, uint32_t i) { return (x[i] & 0xFFFF) + (x[i] >> 16) - (x[i] >> 31 << 16); }

static void lanes_exchange_values(void **state)
{
    (void)state;
    check_lanes("", "shfl.sync.bfly.b32 %r9, %r1, 5, 31, -1;", bfly);
    check_lanes("", "shfl.sync.idx.b32 %r9|%p1, %r1, 3, 6175, 0xffffffff;", idx);
    check_lanes("", "shfl.sync.up.b32 %r9|%p1, %r1, 3, 0, -1;\n @!%p1 add.u32 %r9, %r9, 1;", up);
    check_lanes("", "mov.u32 %r5, 2;\n shfl.sync.down.b32 %r9, %r1, %r5, 4127, -1;", down);
    check_lanes("", "and.b32 %r2, %r1, 1;\n setp.ne.u32 %p1, %r2, 0;\n vote.sync.ballot.b32 %r9, %p1, -1;", odd);
    check_lanes("",
                "setp.lt.u32 %p1, %r0, 40;\n vote.sync.all.pred %p2, %p1, -1;\n vote.sync.any.pred %p3, !%p1, -1;\n"
                "selp.u32 %r9, 1, 2, %p2;\n @%p3 add.u32 %r9, %r9, 4;\n vote.sync.uni.pred %p4, %p2, -1;\n"
                "@!%p4 trap;\n bar.warp.sync -1;",
                votes);
}

static void lanes_part_and_meet(void **state)
{
    (void)state;
    check_lanes(
        "",
        "and.b32 %r2, %r1, 1;\n setp.eq.u32 %p1, %r2, 0;\n @%p1 bra $even;\n mul.lo.u32 %r9, %r0, 3;\n"
        "bra.uni $both;\n$even:\n shl.b32 %r9, %r0, 1;\n$both:\n activemask.b32 %r3;\n setp.ne.u32 %p2, %r3, -1;\n"
        "@%p2 trap;\n add.u32 %r9, %r9, 1;",
        parity);
    check_lanes("",
                "mov.u32 %r9, 0;\n mov.u32 %r2, 0;\n$loop:\n add.u32 %r9, %r9, %r2;\n add.u32 %r2, %r2, 1;\n"
                "setp.le.u32 %p1, %r2, %r0;\n @%p1 bra $loop;\n bar.sync 0;",
                sum_below);
    check_lanes("",
                "and.b32 %r2, %r0, 3;\n min.u32 %r2, %r2, 2;\n$table: .branchtargets $ten, $twenty, $thirty;\n"
                "brx.idx %r2, $table;\n$ten:\n mov.u32 %r9, 10;\n bra $end;\n$twenty:\n mov.u32 %r9, 20;\n bra $end;\n"
                "$thirty:\n mov.u32 %r9, 30;\n$end:\n bar.sync 1;",
                by_table);
}

/* Blocks that stand in no order, as clang writes them. */
static void lanes_meet_wherever_blocks_stand(void **state)
{
    (void)state;
    /* What follows both ways stands before one of them. */
    check_lanes("",
                "and.b32 %r2, %r1, 1;\n setp.eq.u32 %p1, %r2, 0;\n @%p1 bra $even;\n mul.lo.u32 %r9, %r0, 3;\n"
                "$both:\n bar.warp.sync -1;\n add.u32 %r9, %r9, 1;\n bra.uni $end;\n"
                "$even:\n shl.b32 %r9, %r0, 1;\n bra.uni $both;\n$end:\n bar.sync 0;",
                parity);
    /* What follows a loop stands before it. */
    check_lanes("",
                "mov.u32 %r9, 0;\n mov.u32 %r2, 0;\n bra.uni $loop;\n$after:\n bar.warp.sync -1;\n bra.uni $end;\n"
                "$loop:\n add.u32 %r9, %r9, %r2;\n add.u32 %r2, %r2, 1;\n setp.gt.u32 %p1, %r2, %r0;\n"
                "@%p1 bra $after;\n bra.uni $loop;\n$end:\n bar.sync 0;",
                sum_below);
    /* A loop within a loop, each left early by some lanes, the inner one's end before its head. */
    check_lanes("",
                "mov.u32 %r9, 0;\n mov.u32 %r2, 0;\n bra.uni $outer;\n"
                "$next:\n bar.warp.sync -1;\n add.u32 %r2, %r2, 1;\n setp.gt.u32 %p1, %r2, 63;\n @%p1 bra $end;\n"
                "$outer:\n mov.u32 %r3, 0;\n setp.gt.u32 %p2, %r2, %r0;\n @%p2 bra $next;\n"
                "$inner:\n setp.ge.u32 %p3, %r3, %r2;\n @%p3 bra $next;\n add.u32 %r9, %r9, 1;\n"
                "add.u32 %r3, %r3, 1;\n bra.uni $inner;\n$end:\n bar.sync 0;",
                sum_below);
    /* The targets of a table stand behind what follows them. */
    check_lanes("",
                "and.b32 %r2, %r0, 3;\n min.u32 %r2, %r2, 2;\n$table: .branchtargets $ten, $twenty, $thirty;\n"
                "brx.idx %r2, $table;\n$end:\n bar.sync 1;\n bra $last;\n$thirty:\n mov.u32 %r9, 30;\n bra $end;\n"
                "$ten:\n mov.u32 %r9, 10;\n bra $end;\n$twenty:\n mov.u32 %r9, 20;\n bra $end;\n$last:\n",
                by_table);
}

static void memory_has_spaces(void **state)
{
    (void)state;
    check_lanes(
        ".shared .align 4 .b8 s[256];",
        "shl.b32 %r2, %r0, 2;\n mov.u32 %r3, s;\n add.u32 %r4, %r3, %r2;\n st.shared.u32 [%r4], %r1;\n bar.sync 0;\n"
        "sub.u32 %r5, 252, %r2;\n add.u32 %r5, %r5, %r3;\n ld.shared.u32 %r9, [%r5];",
        reverse);
    check_lanes("",
                "shl.b32 %r2, %r0, 2;\n mov.u32 %r3, dynamic;\n add.u32 %r4, %r3, %r2;\n st.shared.u32 [%r4], %r1;\n"
                "bar.sync 0;\n sub.u32 %r5, 256, %r2;\n add.u32 %r5, %r5, %r3;\n ld.shared.u32 %r9, [%r5+-4];",
                reverse);
    check_lanes(
        ".shared .align 8 .b8 s[256];",
        "mov.u64 %rd5, s;\n cvta.shared.u64 %rd5, %rd5;\n mad.wide.u32 %rd5, %r0, 4, %rd5;\n st.u32 [%rd5], %r1;\n"
        "ld.u32 %r9, [%rd5];",
        same);
    check_lanes(
        ".local .align 8 .b8 depot[16];",
        "mov.u64 %rd5, depot;\n cvta.local.u64 %rd6, %rd5;\n st.local.u32 [%rd5+4], %r1;\n ld.u32 %r9, [%rd6+4];",
        same);
    check_lanes("",
                "cvta.to.global.u64 %rd5, %rd0;\n ld.global.nc.u16 %h1, [%rd5];\n ld.global.s16 %r3, [%rd5+2];\n"
                "cvt.u32.u16 %r2, %h1;\n add.u32 %r9, %r2, %r3;",
                halves);
    check_lanes(".shared .align 16 .b8 s[256];",
                "shl.b32 %r2, %r0, 2;\n mov.u32 %r3, s;\n add.u32 %r4, %r3, %r2;\n and.b32 %r5, %r0, 1;\n"
                "xor.b32 %r5, %r5, 1;\n shl.b32 %r5, %r5, 2;\n cp.async.ca.shared.global [%r4], [%rd0], 4, %r5;\n"
                "cp.async.commit_group;\n cp.async.wait_group 0;\n ld.shared.u32 %r9, [%r4];",
                zero_fill);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_have_the_values_of_c),
        cmocka_unit_test(lanes_exchange_values),
        cmocka_unit_test(lanes_part_and_meet),
        cmocka_unit_test(lanes_meet_wherever_blocks_stand),
        cmocka_unit_test(memory_has_spaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
