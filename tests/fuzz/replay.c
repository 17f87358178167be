/* replay.c - runs a fuzz target on its stored inputs, or on the files that are named: the main() of a build without
 * libFuzzer. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>

static void replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data;
    long size;

    printf("%s\n", path);
    (void)fflush(stdout);
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size = ftell(f);
    assert_true(size >= 0);
    rewind(f);
    data = malloc((size_t)size + !size); /* exactly, so that a sanitizer sees a read past the end */
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, f), size);
    assert_int_equal(fclose(f), 0);
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

static int visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

/* The inputs of tests/fuzz/fuzz_NAME are in corpus/NAME. */
static int replay_all(const char *program)
{
    const char *srcdir = getenv("srcdir"), *name = strrchr(program, '/');
    char dir[TEST_PATH], path[2 * TEST_PATH];
    struct dirent **found;
    int count;

    name = (name ? name + 1 : program) + strlen("fuzz_");
    (void)snprintf(dir, sizeof dir, "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", name);
    count = scandir(dir, &found, visible, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, found[i]->d_name);
        replay(path);
        free(found[i]);
    }
    free((void *)found);
    return 0;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    return argc > 1 ? 0 : replay_all(argv[0]);
}
