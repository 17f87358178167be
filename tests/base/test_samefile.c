/* test_samefile.c - whether two paths lead to one file, whether or not it exists. */
#include "tests/check.h"

#include "base/digest.h"
#include "base/samefile.h"

#include <sys/stat.h>

static char dir[TEST_PATH];

static const char *in(const char *name)
{
    static char paths[4][2 * TEST_PATH];
    static unsigned turn;
    char *path = paths[turn++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void touch(const char *name)
{
    FILE *f = fopen(in(name), "w");

    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
}

/* A file with a hard link and links to it, in a directory that has a link, too; and links to nothing. */
static int begin(void **state)
{
    (void)state;
    (void)test_dir(dir);
    assert_int_equal(mkdir(in("d"), 0700) | mkdir(in("d/sub"), 0700) | mkdir(in("dd"), 0700), 0);
    touch("d/file");
    touch("d/other");
    touch("outside");
    assert_int_equal(link(in("d/file"), in("hard")), 0);
    assert_int_equal(symlink("d/file", in("soft")), 0);
    assert_int_equal(symlink(in("soft"), in("softer")), 0);
    assert_int_equal(symlink("d", in("linked")), 0);
    assert_int_equal(symlink("../outside", in("d/out")), 0);
    assert_int_equal(symlink("d/new", in("nothing")), 0);
    assert_int_equal(symlink("nothing", in("less")), 0);
    assert_int_equal(symlink("loop", in("loop")), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return test_remove(dir);
}

static void names_of_one_file(void **state)
{
    static const char *const same[][2] = {
        { "d/file", "d/file" },   { "d/file", "d/./file" },  { "d/file", "hard" },      { "d/file", "soft" },
        { "d/file", "softer" },   { "hard", "linked/file" }, { "d/new", "linked/new" }, { "d/new", "d/sub/../new" },
        { "d/new", "nothing" },   { "linked/new", "less" },  { "nothing", "less" },     { "d/out", "outside" },
        { "no/such", "no/such" }, { "d//file", "d/file" },
    };
    static const char *const differ[][2] = {
        { "d/file", "d/other" },
        { "d/file", "d/new" },
        { "d/new", "new" },
        { "d/new", "dd/new" },
        { "d", "d" },
        { "d", "linked" },
        { "nothing", "d/newer" },
        { "no/such", "no/more" },
        { "loop", "d/file" },
        { "d/out", "d/file" },
        { "/dev/null", "d/file" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        if (!gd_same_file(in(same[i][0]), in(same[i][1])) || !gd_same_file(in(same[i][1]), in(same[i][0])))
            fail_msg("%s and %s are the same", same[i][0], same[i][1]);
    for (size_t i = 0; i < sizeof differ / sizeof differ[0]; i++)
        if (gd_same_file(in(differ[i][0]), in(differ[i][1])) || gd_same_file(in(differ[i][1]), in(differ[i][0])))
            fail_msg("%s and %s are not the same", differ[i][0], differ[i][1]);
    assert_false(gd_same_file("/dev/null", "/dev/null"));
}

static bool any(const char *name) { return *name != '\0'; }
static bool is_new(const char *name) { return strcmp(name, "new") == 0; }
static bool is_file(const char *name) { return strcmp(name, "file") == 0; }

static void what_a_directory_holds(void **state)
{
    static const char *const inside[] = { "d/file", "d/new",   "d/sub/new", "linked/new", "hard",  "soft",
                                          "softer", "nothing", "less",      "outside",    "d/out", "d/sub/../x" };
    static const char *const beyond[] = { "d", "dd/file", "dd/new", "new", "d/../new", "no/such", "loop" };

    (void)state;
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++)
        if (!gd_dir_holds(in("d"), in(inside[i]), any))
            fail_msg("d holds %s", inside[i]);
    for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++)
        if (gd_dir_holds(in("linked"), in(beyond[i]), any))
            fail_msg("d does not hold %s", beyond[i]);
    assert_true(gd_dir_holds(in("d"), in("less"), is_new)); /* the name there counts, not the link's */
    assert_true(gd_dir_holds(in("d"), in("hard"), is_file));
    assert_false(gd_dir_holds(in("d"), in("hard"), is_new));
    assert_false(gd_dir_holds(in("no"), in("no/such"), any));
}

static void real_paths(void **state)
{
    char real[PATH_MAX], root[PATH_MAX], wanted[PATH_MAX + 16], long_name[2 * PATH_MAX];

    (void)state;
    assert_non_null(realpath(dir, root));
    assert_true(gd_path_real(real, in("less")));
    (void)snprintf(wanted, sizeof wanted, "%s/d/new", root);
    assert_string_equal(real, wanted);
    assert_true(gd_path_real(real, "/new-file-at-the-root"));
    assert_string_equal(real, "/new-file-at-the-root");
    assert_true(gd_path_real(real, "new"));
    assert_true(real[0] == '/' && strcmp(strrchr(real, '/'), "/new") == 0);
    assert_false(gd_path_real(real, in("no/such")));
    assert_string_equal(real, in("no/such"));
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    assert_false(gd_path_real(real, long_name));
    assert_int_equal(strlen(real), PATH_MAX - 1);
}

/* Each bit of each byte counts, and so do the lengths of the pieces. */
static void digests(void **state)
{
    unsigned char data[40] = { 0 };
    const uint64_t digest = gd_digest(1, data, sizeof data);

    (void)state;
    for (size_t i = 0; i < 8 * sizeof data; i++) {
        data[i / 8] ^= (unsigned char)(1 << i % 8);
        assert_int_not_equal(gd_digest(1, data, sizeof data), digest);
        data[i / 8] ^= (unsigned char)(1 << i % 8);
    }
    assert_int_equal(gd_digest(1, data, sizeof data), digest);
    assert_int_not_equal(gd_digest(2, data, sizeof data), digest);
    assert_int_not_equal(gd_digest(1, data, sizeof data - 1), digest);
    assert_int_not_equal(gd_digest(gd_digest(1, data, 1), data, 2), gd_digest(gd_digest(1, data, 2), data, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_of_one_file, begin, end),
        cmocka_unit_test_setup_teardown(what_a_directory_holds, begin, end),
        cmocka_unit_test_setup_teardown(real_paths, begin, end),
        cmocka_unit_test(digests),
    };

    return cmocka_run_group_tests_name("base: same file", tests, NULL, NULL);
}
