/* fuzz_tokenizer.c - tokenizer.json, or tokenizer.model (FUZZ_MODEL), and texts that go through it. */
#include "tests/fuzz/fuzz.h"

#include "text/tokenizer.h"

#ifdef FUZZ_MODEL
#define FILE_NAME "tokenizer.model"
#else
#define FILE_NAME "tokenizer.json"
#endif

static const char *const texts[] = { "", "ab <s>a  b\r\n 12x", "a\xCC\x81 \xE1\x84\x80\xE1\x85\xA1 A\xF0\x9F\x98\x80" };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gd_tokenizer *tokenizer;
    gd_error err = { 0 };
    gd_ids ids = { 0 };
    size_t before, after;

    (void)fuzz_file(FILE_NAME, data, size);
    if (fuzz_accepted(gd_tokenizer_open(&tokenizer, fuzz_dir(), &err), &err)) {
        gd_tokenizer_frame(tokenizer, &before, &after);
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            err = (gd_error){ 0 };
            if (!fuzz_accepted(gd_tokenize(tokenizer, texts[i], strlen(texts[i]), &ids, &err), &err))
                continue;
            assert_true(ids.len >= before + after);
            for (size_t k = 0; k < ids.len; k++)
                assert_true(ids.data[k] < gd_tokenizer_size(tokenizer) && gd_tokenizer_token(tokenizer, ids.data[k]));
        }
        gd_ids_free(&ids);
        gd_tokenizer_close(tokenizer);
    }
    return fuzz_end();
}
