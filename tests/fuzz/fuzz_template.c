/* fuzz_template.c - what a checkpoint says of its chat template and its special tokens: tokenizer_config.json, or if
 * the input does not begin with '{', chat_template.jinja. */
#include "tests/fuzz/fuzz.h"

#include "quant-free/special.h"
#include "tests/quant-free/files.h"
#include "text/chat.h"

static bool find(void *context, const char *token, uint32_t *id)
{
    (void)context;
    *id = (uint32_t)strlen(token);
    return *id > 0 && *id < 100;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bool json = size && *data == '{';
    gd_special_ids ids;
    gd_error err = { 0 };
    gd_chat *chat;

    remove_file(fuzz_dir(), json ? "chat_template.jinja" : "tokenizer_config.json");
    (void)fuzz_file(json ? "tokenizer_config.json" : "chat_template.jinja", data, size);
    if (fuzz_accepted(gd_chat_open(&chat, "auto", fuzz_dir(), fuzz_dir(), &err), &err)) {
        assert_non_null(gd_chat_name(chat));
        gd_chat_close(chat);
    }
    err = (gd_error){ 0 };
    (void)fuzz_accepted(gd_special_ids_read(&ids, &(gd_special_sources){ .dir = fuzz_dir(), .lookup = find }, &err),
                        &err);
    return fuzz_end();
}
