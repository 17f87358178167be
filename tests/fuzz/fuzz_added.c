/* fuzz_added.c - the files that add tokens to a tokenizer.json. The first byte of an input says which of them the rest
 * is: 'm' for special_tokens_map.json, 'a' for added_tokens.json, any other for tokenizer_config.json. */
#include "tests/fuzz/fuzz.h"

#include "text/tokenizer.h"

#include <unistd.h>

/* <a> is special, b is not; the rest of the vocabulary is the unknown token. */
static const char small[] =
    "{\"added_tokens\":[{\"id\":3,\"content\":\"<a>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":true,"
    "\"normalized\":false,\"special\":true},{\"id\":1,\"content\":\"b\",\"single_word\":true,\"lstrip\":false,"
    "\"rstrip\":false,\"normalized\":true,\"special\":false}],\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{"
    "\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true},\"padding\":{\"pad_token\":\"<p>\"},"
    "\"model\":{\"type\":\"BPE\",\"unk_token\":\"?\",\"vocab\":{\"a\":0,\"b\":1,\"?\":2},\"merges\":[]}}";

static const char *const texts[] = { "", "a b <a>  <p>c", "<b>\xC3\xA9 e\xCC\x81<a><a>" };

static void check(const gd_tokenizer *tokenizer)
{
    gd_error err = { 0 };
    gd_ids ids = { 0 };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!fuzz_accepted(gd_tokenize(tokenizer, texts[i], strlen(texts[i]), &ids, &err), &err))
            break;
        for (size_t k = 0; k < ids.len; k++)
            assert_true(ids.data[k] < gd_tokenizer_size(tokenizer) && gd_tokenizer_token(tokenizer, ids.data[k]));
    }
    for (size_t i = 0; i < gd_tokenizer_note_count(tokenizer); i++)
        assert_true(*gd_tokenizer_note(tokenizer, i) != '\0');
    gd_ids_free(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *name = "tokenizer_config.json", *path;
    gd_tokenizer *tokenizer;
    gd_error err = { 0 };

    if (size == 0)
        return 0;
    if (data[0] == 'm' || data[0] == 'a')
        name = data[0] == 'm' ? "special_tokens_map.json" : "added_tokens.json";
    (void)fuzz_file("tokenizer.json", (const uint8_t *)small, sizeof small - 1);
    path = fuzz_file(name, data + 1, size - 1);
    if (fuzz_accepted(gd_tokenizer_open(&tokenizer, fuzz_dir(), &err), &err)) {
        check(tokenizer);
        gd_tokenizer_close(tokenizer);
    }
    assert_int_equal(unlink(path), 0);
    return fuzz_end();
}
