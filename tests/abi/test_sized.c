/* test_sized.c - structs of other sizes than the library's: what a later version adds must be zero, and a struct that
 * was never initialised is refused. */
#include "tests/check.h"

#include <stdbool.h>

static char model_dir[512];
static gd_model *model;

/* ---- for each struct, a call that succeeds unless the test breaks the struct ---- */

static gd_status use_options(void *memory, gd_error *err)
{
    char *json;
    gd_status rc;

    ((gd_options *)memory)->model = model_dir;
    rc = gd_inspect(memory, &json, err);
    gd_string_free(json);
    return rc;
}

static gd_status use_file_options(void *memory, gd_error *err)
{
    ((gd_file_options *)memory)->input = ((gd_file_options *)memory)->output = "/dev/null";
    return gd_score_file(model, memory, NULL, NULL, err);
}

static gd_status use_rank_options(void *memory, gd_error *err)
{
    ((gd_rank_options *)memory)->input = ((gd_rank_options *)memory)->output = "/dev/null";
    return gd_rank_file(model, memory, NULL, NULL, err);
}

static gd_status use_filter_options(void *memory, gd_error *err)
{
    char *json;
    gd_status rc;

    ((gd_filter_options *)memory)->input = ((gd_filter_options *)memory)->output = "/dev/null";
    rc = gd_filter_file(model, memory, NULL, NULL, &json, err);
    gd_string_free(json);
    return rc;
}

static gd_status use_eval_options(void *memory, gd_error *err)
{
    char *json;
    gd_status rc;

    ((gd_eval_options *)memory)->input = "/dev/null";
    rc = gd_eval(model, memory, NULL, NULL, &json, err);
    gd_string_free(json);
    return rc;
}

static int stop(void *context, const char *what, double done, double expected)
{
    (void)context, (void)what, (void)done, (void)expected;
    return 1;
}

static gd_status use_bench_options(void *memory, gd_error *err)
{
    gd_options options;
    char *json;
    gd_status rc;

    gd_options_init(&options);
    options.model = model_dir;
    ((gd_bench_options *)memory)->report = stop;
    rc = gd_bench(&options, memory, &json, err);
    return rc == GD_EINTERRUPTED ? GD_OK : rc; /* the struct was accepted */
}

static gd_status use_progress(void *memory, gd_error *err)
{
    const gd_file_options how = from_to("/dev/null", "/dev/null", GD_FORMAT_AUTO);

    return gd_score_file(model, &how, memory, NULL, err);
}

static gd_status use_items(void *memory, gd_error *err)
{
    ((gd_items *)memory)->item_size = sizeof(gd_item);
    ((gd_items *)memory)->result_size = sizeof(gd_item_result);
    return gd_score_items(model, memory, NULL, NULL, err);
}

static gd_status use_summary(void *memory, gd_error *err)
{
    const gd_file_options how = from_to("/dev/null", "/dev/null", GD_FORMAT_AUTO);

    return gd_score_file(model, &how, NULL, memory, err);
}

static gd_status use_service_options(void *memory, gd_error *err)
{
    gd_service *service;
    const gd_status rc = gd_service_open(&service, model, memory, err);

    gd_service_close(service, 1);
    return rc;
}

static void answered(void *context, gd_status rc, const gd_summary *summary, const gd_error *why)
{
    (void)context, (void)rc, (void)summary, (void)why;
}

static gd_status use_service_request(void *memory, gd_error *err)
{
    gd_service *service;
    gd_items none;
    gd_status rc;

    gd_items_init(&none);
    ((gd_service_request *)memory)->items = &none;
    ((gd_service_request *)memory)->done = answered;
    assert_ok(gd_service_open(&service, model, NULL, test_err));
    rc = gd_service_submit(service, memory, NULL, err);
    gd_service_close(service, 1);
    return rc;
}

static gd_status use_service_stats(void *memory, gd_error *err)
{
    gd_service *service;
    gd_status rc;

    assert_ok(gd_service_open(&service, model, NULL, test_err));
    rc = gd_service_stats_get(service, memory, err);
    gd_service_close(service, 1);
    return rc;
}

/* ---- the tests ---- */

struct kind {
    const char *name;
    size_t size;
    gd_status (*use)(void *memory, gd_error *err);
};

#define KIND(name)                                 \
    {                                              \
        "gd_" #name, sizeof(gd_##name), use_##name \
    }
static const struct kind kinds[] = { KIND(options),         KIND(file_options),    KIND(rank_options),
                                     KIND(filter_options),  KIND(eval_options),    KIND(bench_options),
                                     KIND(progress),        KIND(items),           KIND(summary),
                                     KIND(service_options), KIND(service_request), KIND(service_stats) };
enum { KINDS = sizeof kinds / sizeof kinds[0], LATER = 24 };

static max_align_t room[64];

/* The struct of a program compiled with a header in which it is `more` bytes longer. */
static void *make(const struct kind *k, size_t more)
{
    const size_t size = k->size + more;

    assert_true(size <= sizeof room);
    memset(room, 0, sizeof room);
    memcpy(room, &size, sizeof size);
    return room;
}

static void refused(const struct kind *k, size_t size, const char *why)
{
    gd_error err = { 0 };
    char want[160];

    memcpy(room, &size, sizeof size);
    assert_int_equal(k->use(room, &err), GD_EUSAGE);
    (void)snprintf(want, sizeof want, "%s.struct_size is %zu, but ", k->name, size);
    if (strncmp(err.text, want, strlen(want)) != 0 || !strstr(err.text, why))
        fail_msg("%s: %s", k->name, err.text);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        char why[80];

        (void)snprintf(why, sizeof why, "call %s_init() first", kinds[i].name);
        assert_ok(kinds[i].use(make(&kinds[i], 0), test_err));
        refused(&kinds[i], 0, why);
        refused(&kinds[i], sizeof(size_t), why);
        refused(&kinds[i], 4097, why);
        refused(&kinds[i], SIZE_MAX, why);
    }
}

static void zeros_of_a_later_version_are_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++)
        assert_ok(kinds[i].use(make(&kinds[i], LATER), test_err));
}

/* Whichever of its bytes is set; except for summaries and figures, which are output only: their unknown bytes are left
 * alone. */
static void set_members_of_a_later_version_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++)
        for (size_t at = kinds[i].size; at < kinds[i].size + LATER; at += LATER - 1) {
            const bool filled = kinds[i].use == use_summary || kinds[i].use == use_service_stats;
            unsigned char *memory = make(&kinds[i], LATER);
            gd_error err = { 0 };
            char want[256];

            memory[at] = 1;
            assert_int_equal(kinds[i].use(memory, &err), filled ? GD_OK : GD_EUSAGE);
            (void)snprintf(want, sizeof want,
                           "%s: byte %zu of %zu is set, but this library, version " GD_VERSION ", knows only %zu bytes",
                           kinds[i].name, at, kinds[i].size + LATER, kinds[i].size);
            if (!filled && strncmp(err.text, want, strlen(want)) != 0)
                fail_msg("%s", err.text);
            assert_int_equal(memory[at], 1);
        }
}

/* Bytes after the struct are ignored. */
static void a_struct_ends_at_its_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        unsigned char *memory = make(&kinds[i], LATER);

        memory[kinds[i].size + LATER] = 1;
        assert_ok(kinds[i].use(memory, test_err));
    }
}

static void null_is_refused(void **state)
{
    gd_error err = { 0 };
    gd_model *none;

    (void)state;
    assert_int_equal(gd_model_open(&none, NULL, &err), GD_EUSAGE);
    assert_null(none);
    assert_string_equal(err.text, "gd_options: NULL was given, but a struct is expected");
    assert_int_equal(gd_score_file(model, NULL, NULL, NULL, NULL), GD_EUSAGE);
}

/* Padding at the end would be undefined bytes of an older struct, and could not become a member. */
#define ENDS(type, last) assert_int_equal(sizeof(type), offsetof(type, last) + sizeof((type *)NULL)->last)

static void structs_have_no_padding_at_the_end(void **state)
{
    (void)state;
    ENDS(gd_options, more_adapter_count);
    ENDS(gd_file_options, shards);
    ENDS(gd_rank_options, shards);
    ENDS(gd_filter_options, shards);
    ENDS(gd_eval_options, skip_unscored);
    ENDS(gd_bench_options, context);
    ENDS(gd_progress, context);
    ENDS(gd_summary, joined);
    ENDS(gd_items, results);
    ENDS(gd_item, adapter);
    ENDS(gd_item_result, kind);
    ENDS(gd_service_options, max_bytes);
    ENDS(gd_service_request, times);
    ENDS(gd_service_stats, batches);
}

static void versions_agree(void **state)
{
    unsigned major, minor, patch;

    (void)state;
    assert_string_equal(GD_VERSION, PACKAGE_VERSION);
    assert_string_equal(gd_version(), GD_VERSION);
    assert_int_equal(gd_version_number(), GD_VERSION_NUMBER);
    assert_int_equal(sscanf(GD_VERSION, "%u.%u.%u", &major, &minor, &patch), 3);
    assert_int_equal(10000 * major + 100 * minor + patch, GD_VERSION_NUMBER);
}

static int set_up(void **state)
{
    gd_options options;

    (void)state;
    gd_options_init(&options);
    options.model = test_data(model_dir, sizeof model_dir, "golden/qwen2");
    return gd_model_open(&model, &options, NULL) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    gd_model_close(model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(zeros_of_a_later_version_are_accepted),
        cmocka_unit_test(set_members_of_a_later_version_are_refused),
        cmocka_unit_test(a_struct_ends_at_its_size),
        cmocka_unit_test(null_is_refused),
        cmocka_unit_test(structs_have_no_padding_at_the_end),
        cmocka_unit_test(versions_agree),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
