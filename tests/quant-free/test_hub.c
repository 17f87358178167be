/* test_hub.c - a model's directory, by path and by name in a Hugging Face cache made by the test. */
#include "tests/check.h"
#include "tests/quant-free/files.h"

#include "base/mem.h"
#include "quant-free/hub.h"
#include "quant-free/weights.h"

#include <unistd.h>

static const char *const variables[] = { "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME" };
static int wrong;

static int setup(void **state)
{
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    return dir_setup(state);
}

static int teardown(void **state)
{
    const int lost = wrong;

    wrong = 0;
    return dir_teardown(state) || lost ? -1 : 0;
}

/* DIR/models--org--m with the snapshot abc123, whose file is a link into blobs, as in the cache. */
static void make_cache(const char *dir)
{
    static const char *const folders[] = { "models--org--m", "models--org--m/refs", "models--org--m/snapshots",
                                           "models--org--m/blobs", "models--org--m/snapshots/abc123" };

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        (void)make_dir(dir, folders[i]);
    write_text(dir, "models--org--m/refs/main", "abc123");
    copy_data(dir, "models--org--m/blobs/0123", "golden/qwen2-lora/adapter_model.safetensors");
    assert_int_equal(symlink("../../blobs/0123", in_dir(dir, "models--org--m/snapshots/abc123/model.safetensors")), 0);
}

/* The outcome of gd_model_dir: the directory, or the error message. */
static void expect(const char *id, const char *model, const char *want_dir, const char *want)
{
    const uint64_t live = gd_mem_live();
    gd_error err = { GD_OK, "" };
    char *dir;
    const gd_status rc = gd_model_dir(model, &dir, &err);

    wrong += !said(id, *want ? model : NULL, rc, &err, want);
    if (!rc && strcmp(dir, want_dir) != 0) {
        print_error("%s: %s\n%*sexpected: %s\n", id, dir, (int)strlen(id), "", want_dir);
        wrong++;
    }
    assert_true(!rc == (dir != NULL));
    gd_free(dir);
    assert_int_equal(gd_mem_live(), live);
}

static void a_cached_name_is_found(void **state)
{
    static const char *const below[] = { "", "", "hub", "huggingface/hub", ".cache/huggingface/hub" };
    static const char *const folders[] = { "hub",    "huggingface",        "huggingface/hub",
                                           ".cache", ".cache/huggingface", ".cache/huggingface/hub" };
    char cache[512];

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        (void)make_dir(*state, folders[i]);
    for (size_t i = sizeof variables / sizeof variables[0];
         i-- > 0;) { /* each takes precedence over those set before */
        const char *at = *below[i] ? in_dir(*state, below[i]) : *state;

        (void)snprintf(cache, sizeof cache, "%s", at);
        if (i != 0)
            make_cache(cache);
        setenv(variables[i], *state, 1);
        expect(variables[i], "org/m", in_dir(cache, "models--org--m/snapshots/abc123"), "");
        if (i > 1)
            setenv(variables[i], "/nonexistent", 1);
    }
}

static void a_snapshot_of_links_opens(void **state)
{
    gd_weights *w;
    char *dir;

    make_cache(*state);
    setenv("HF_HUB_CACHE", *state, 1);
    assert_ok(gd_model_dir("org/m", &dir, test_err));
    assert_ok(gd_weights_open(&w, dir, test_err));
    assert_int_equal(gd_weights_count(w), 43);
    gd_weights_close(w);
    gd_free(dir);
}

static void a_directory_is_itself(void **state)
{
    char before[4096];

    assert_non_null(getcwd(before, sizeof before)); /* the fixtures' path may be relative to it */
    expect("absolute", *state, *state, "");
    assert_int_equal(chdir(*state), 0);
    (void)make_dir(*state, "org");
    (void)make_dir(*state, "org/m");
    setenv("HF_HUB_CACHE", *state, 1);
    expect("relative", "org/m", "org/m", ""); /* before the cache, as in Transformers */
    expect("dot", ".", ".", "");
    assert_int_equal(chdir(before), 0);
}

static void what_is_not_there_is_said(void **state)
{
    static const char *const bad[] = { "nothing-here",   "a/b/c",    "../x",    "org/..",      "./x",
                                       "/absolute/none", "org/a..b", "-org/m",  "org/",        "",
                                       "org/m\n",        "org\\m/x", "org/m?x", "org/\xc3\xa9" };
    char want[1024];

    {
        gd_error err = { GD_OK, "" };
        char *dir;

        assert_int_equal(gd_model_dir("org/m", &dir, &err), GD_EIO);
        assert_string_equal(err.text, "cannot find the Hugging Face cache: none of HF_HUB_CACHE, HF_HOME and "
                                      "HOME is set");
    }
    setenv("HF_HUB_CACHE", *state, 1);
    (void)snprintf(want, sizeof want,
                   "not a directory, and not in the Hugging Face cache %s; to get it: hf download org/none",
                   (const char *)*state);
    expect("not cached", "org/none", "", want);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_error err = { GD_OK, "" };
        char *dir;

        if (gd_model_dir(bad[i], &dir, &err) != GD_EIO || dir ||
            !strstr(err.text, ": no such directory; a directory, or org/name in the Hugging Face cache, is "
                              "expected")) {
            print_error("\"%s\": %s\n", bad[i], err.text);
            wrong++;
        }
    }
}

static void a_broken_cache_is_said(void **state)
{
    static const struct {
        const char *id, *ref, *want;
    } cases[] = {
        { "newline", "abc123\n", NULL },
        { "empty", "", "does not contain the name of a snapshot" },
        { "up", "../../..", "does not contain the name of a snapshot" },
        { "slash", "abc/123", "does not contain the name of a snapshot" },
        { "NUL", "\n\n", "does not contain the name of a snapshot" },
        { "long",
          "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
          "89",
          "does not contain the name of a snapshot" },
    };
    const char *ref;
    char want[1024];

    make_cache(*state);
    setenv("HF_HUB_CACHE", *state, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_error err = { GD_OK, "" };
        char *dir;
        gd_status rc;

        write_text(*state, "models--org--m/refs/main", cases[i].ref);
        ref = in_dir(*state, "models--org--m/refs/main");
        rc = gd_model_dir("org/m", &dir, &err);
        wrong += !said(cases[i].id, ref, rc, &err, cases[i].want ? cases[i].want : "");
        gd_free(dir);
    }
    write_text(*state, "models--org--m/refs/main", "def456"); /* the snapshot was removed */
    (void)snprintf(want, sizeof want,
                   "not a directory, and not in the Hugging Face cache %s; to get it: hf download org/m",
                   (const char *)*state);
    expect("no snapshot", "org/m", "", want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_cached_name_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_of_links_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_is_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_cache_is_said, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
