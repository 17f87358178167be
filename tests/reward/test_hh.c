/* test_hh.c - a whole file of real pairs through a real model: all 2,312 lines have the hash that was stored on another
 * machine, so no digit differs, and every 36th pair is close to Transformers' scores in float32.
 * Takes minutes: ./quickstart check runs it, and `make check` if GUERDON_LONG_TESTS is set. */
#include "tests/reward/smollm2.h"

#include "base/file.h"
#include "base/mem.h"
#include "quant-free/convert.h"
#include "quant-free/safetensors.h"

#include <jansson.h>
#include <math.h>
#include <unistd.h>

enum { PAIRS = 2312, EVERY = 36, STORED = 65 };

/* FNV-1a hash of the output file, computed by guerdon on a Zen 3 (avx2). */
#define LINES_SUM 0xDD507BFF86189A04u

static uint64_t sum_of(const char *s, size_t len)
{
    uint64_t sum = 0xCBF29CE484222325u;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ (unsigned char)s[i]) * 0x100000001B3u;
    return sum;
}

static void load_expected(float *scores, size_t bytes)
{
    char path[512];
    gd_st *file;

    assert_ok(gd_st_open(&file, test_data(path, sizeof path, "smollm2/hh.safetensors"), test_err));
    assert_int_equal(gd_st_find(file, "f32")->bytes, bytes);
    gd_view_to_f32(gd_st_find(file, "f32"), scores);
    gd_st_close(file);
}

/* The mean difference from Transformers' scores of every 36th pair is small compared with their standard deviation. */
static void compare(const char *lines)
{
    static const char *const keys[] = { "chosen", "rejected" };
    static float want[STORED][2];
    double off = 0, mean = 0, scatter = 0;
    size_t count = 0;

    load_expected(want[0], sizeof want);
    for (const char *line = lines; *line; line = strchr(line, '\n') + 1, count++) {
        json_t *object;

        if (count % EVERY)
            continue;
        object = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
        assert_non_null(object);
        for (size_t t = 0; t < 2; t++) {
            const double f32 = (double)want[count / EVERY][t];

            off += fabs(json_number_value(json_object_get(object, keys[t])) - f32) / (2 * STORED);
            mean += f32 / (2 * STORED);
        }
        json_decref(object);
    }
    assert_int_equal(count, PAIRS);
    for (size_t i = 0; i < 2 * STORED; i++)
        scatter += pow((double)want[i / 2][i % 2] - mean, 2) / (2 * STORED);
    print_message("mean difference of %d scores: %.3g of their standard deviation (at most 0.02)\n", 2 * STORED,
                  off / sqrt(scatter));
    assert_true(off > 0 && off <= 0.02 * sqrt(scatter));
}

static void every_line_is_as_stored(void **state)
{
    char output[TEST_PATH];
    const gd_options options = smollm2_options();
    const gd_file_options how = from_to(smollm2_pairs, test_file(output), GD_FORMAT_JSONL);
    gd_summary summary = { .struct_size = sizeof summary };
    gd_model *model;
    char *lines;
    size_t len;

    (void)state;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score_file(model, &how, NULL, &summary, test_err));
    gd_model_close(model);
    assert_int_equal(summary.items, PAIRS);
    assert_int_equal(summary.failed, 0);
    assert_ok(gd_file_read(&lines, &len, output, 1 << 24, test_err));
    (void)unlink(output);
    compare(lines);
    print_message("sum of the %zu bytes: 0x%016llx\n", len, (unsigned long long)sum_of(lines, len));
    assert_true(sum_of(lines, len) == LINES_SUM);
    gd_free(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_line_is_as_stored) };
    if (!smollm2_find())
        return 77;
    if (SANITIZED) {
        printf("skipped: takes an hour with the sanitizers; the tiny models run the same code\n");
        return 77;
    }
    if (!getenv("GUERDON_LONG_TESTS")) {
        printf("skipped: takes ten minutes; GUERDON_LONG_TESTS=1 runs it, and so does ./quickstart check\n");
        return 77;
    }
    return cmocka_run_group_tests_name("hh", tests, NULL, NULL);
}
