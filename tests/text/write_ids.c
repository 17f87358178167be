/* write_ids.c - the ids of texts, for a script that compares them: tests/data/text/compare_real.py.
 *
 *     write_ids DIR
 *
 * Reads texts from standard input, each after its length, and writes the ids of each after their number; all numbers
 * have 32 bits in the order of this machine. */
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>

static int fail(const char *what)
{
    (void)fprintf(stderr, "write_ids: %s\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    gd_error err = { GD_OK, "" };
    gd_ids ids = { 0 };
    gd_tokenizer *tokenizer;
    uint32_t len;

    if (argc != 2)
        return fail("usage: write_ids DIR");
    if (gd_tokenizer_open(&tokenizer, argv[1], &err))
        return fail(err.text);
    while (fread(&len, sizeof len, 1, stdin) == 1) {
        char *text = malloc((size_t)len + 1);
        uint32_t count;

        if (!text || fread(text, 1, len, stdin) != len)
            return fail("a text is cut");
        if (gd_tokenize(tokenizer, text, len, &ids, &err))
            return fail(err.text);
        count = (uint32_t)ids.len;
        if (fwrite(&count, sizeof count, 1, stdout) != 1 || fwrite(ids.data, sizeof *ids.data, count, stdout) != count)
            return fail("the ids can't be written");
        free(text);
    }
    gd_ids_free(&ids);
    gd_tokenizer_close(tokenizer);
    return 0;
}
