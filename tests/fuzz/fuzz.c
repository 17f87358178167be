/* fuzz.c - what the fuzz targets share. */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "tests/quant-free/files.h"

static char dir[TEST_PATH];

static void remove_dir(void) { (void)test_remove(dir); }

const char *fuzz_dir(void)
{
    if (!*dir) {
        (void)test_dir(dir);
        assert_int_equal(atexit(remove_dir), 0);
    }
    return dir;
}

const char *fuzz_file(const char *name, const uint8_t *data, size_t size)
{
    write_bytes(fuzz_dir(), name, size ? data : (const uint8_t *)"", size);
    return in_dir(fuzz_dir(), name);
}

const char *fuzz_tensors(const char *name, const uint8_t *data, size_t size)
{
    char *header;

    if (!size || *data != '{')
        return fuzz_file(name, data, size);
    header = fuzz_text(data, size);
    write_st(fuzz_dir(), name, header, FUZZ_TENSOR_BYTES);
    free(header);
    return in_dir(fuzz_dir(), name);
}

char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    assert_non_null(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

bool fuzz_accepted(gd_status rc, const gd_error *err)
{
    if (rc == GD_OK)
        return true;
    assert_int_equal(rc, err->status);
    assert_int_not_equal(rc, GD_ENOMEM);
    assert_true(*err->text);
    assert_int_equal(gd_utf8_check(err->text, strlen(err->text)), strlen(err->text));
    for (const char *s = err->text; *s; s++)
        assert_true((unsigned char)*s >= ' ');
    return false;
}

int fuzz_end(void)
{
    assert_int_equal(gd_mem_live(), 0);
    return 0;
}
