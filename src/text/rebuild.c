/* rebuild.c - the classes of tokenizers that Transformers 5 builds anew. */
#include "text/rebuild.h"

#include <string.h>

static const struct class {
    const char *name;
    gd_scan *scan; /* the only pattern that splits a text; NULL: nothing that is supported here */
    bool nfc;
} classes[] = {
    { "Qwen2Tokenizer", gd_scan_qwen2, true },  { "GPT2Tokenizer", gd_scan_gpt2, false },
    { "GPTNeoXTokenizer", gd_scan_gpt2, true }, { "LlamaTokenizer", NULL, false },
    { "CodeLlamaTokenizer", NULL, false },      { "GemmaTokenizer", NULL, false },
};

static bool is_named(const char *name, const char *class_name)
{
    const size_t len = strlen(name);

    return strncmp(class_name, name, len) == 0 && (!class_name[len] || !strcmp(class_name + len, "Fast"));
}

/* Models of these types have their own class; if tokenizer_config.json names another, the file is used as it is. */
static const struct type {
    const char *name, *class_name;
} types[] = {
    { "qwen2", "Qwen2Tokenizer" },
    { "qwen3", "Qwen2Tokenizer" },
    { "gemma2", "GemmaTokenizer" },
    { "mistral", "TokenizersBackend" }, /* the one that builds nothing */
};

static const char *class_of(const gd_rebuild *file)
{
    const char *type = file->model_type ? file->model_type : "", *named = file->class_name;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (!strcmp(type, types[i].name))
            return !*named || is_named(types[i].class_name, named) ? types[i].class_name : "";
    return !*named && !strcmp(type, "llama") ? "CodeLlamaTokenizer" : named;
}

/* Whether the file's normalizer is form C and nothing else, or nothing. */
static bool normalizes(const gd_normalizer *normalizer, bool nfc)
{
    for (size_t i = 0; i < normalizer->count; i++)
        if (normalizer->steps[i].kind != GD_NORM_NFC)
            return false;
    return nfc == (normalizer->count > 0);
}

static bool is_same(const struct class *class, const gd_rebuild *file)
{
    size_t patterns = 0, prefixes = 0;

    for (size_t i = 0; i < file->pretoken->count; i++) {
        const gd_stage *stage = &file->pretoken->stages[i];

        prefixes += stage->kind == GD_STAGE_PREFIX;
        patterns += stage->kind == GD_STAGE_SCAN && stage->scan == class->scan && stage->behavior == GD_ISOLATED &&
                    !stage->invert;
    }
    return patterns == 1 && patterns + prefixes == file->pretoken->count && (prefixes > 0) == file->prefix_space &&
           normalizes(file->normalizer, class->nfc) && !file->ignore_merges;
}

const char *gd_rebuild_class(const gd_rebuild *file)
{
    const char *name = class_of(file);

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (is_named(classes[i].name, name))
            return is_same(&classes[i], file) ? NULL : classes[i].name;
    return NULL;
}
