/* rebuild.c - the classes of tokenizers that Transformers 5 builds anew. */
#include "text/rebuild.h"

#include <string.h>

#define MARK "\xE2\x96\x81" /* U+2581, which stands for a space */

static const struct class {
    const char *name;
    gd_scan *scan; /* the only pattern that splits a text; NULL: characters are merged */
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
    { "qwen2", "Qwen2Tokenizer" },    { "qwen3", "Qwen2Tokenizer" },      { "gemma2", "GemmaTokenizer" },
    { "olmo2", "GPTNeoXTokenizer" },  { "mistral", "TokenizersBackend" }, /* the one that builds nothing */
    { "olmo3", "TokenizersBackend" }, { "phi3", "TokenizersBackend" },
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

static bool is_string(const char *s, size_t len, const char *wanted)
{
    return s && len == strlen(wanted) && !memcmp(s, wanted, len);
}

/* LlamaTokenizer's: spaces become marks, and a text, or if it is a legacy each part of it, begins with one. */
static bool is_metaspace(const gd_rebuild *file, bool legacy)
{
    const gd_stage *stage = &file->pretoken->stages[0];

    return file->pretoken->count == 1 && file->normalizer->count == 0 && stage->kind == GD_STAGE_METASPACE &&
           is_string(stage->string, stage->string_len, MARK) &&
           stage->prepend == (file->prefix_space == 0 ? GD_PREPEND_NEVER
                              : legacy                ? GD_PREPEND_ALWAYS
                                                      : GD_PREPEND_FIRST);
}

/* GemmaTokenizer's: spaces become marks, and then there is none to split at. */
static bool is_replacement(const gd_rebuild *file)
{
    const gd_norm_step *step = &file->normalizer->steps[0];
    const gd_stage *stage = &file->pretoken->stages[0];

    return file->normalizer->count == 1 && step->kind == GD_NORM_REPLACE && !step->regex &&
           is_string(step->from, step->from_len, " ") && is_string(step->to, step->to_len, MARK) &&
           file->pretoken->count == 1 && stage->kind == GD_STAGE_STRING &&
           is_string(stage->string, stage->string_len, " ") && stage->behavior == GD_MERGED_WITH_PREVIOUS &&
           !stage->invert;
}

/* All merge characters with a fallback to bytes. CodeLlamaTokenizer doesn't know of legacies. */
static bool is_same_of_characters(const struct class *class, const gd_rebuild *file)
{
    const gd_bpe *bpe = file->bpe;

    if (!bpe->vocab.plain || !bpe->fuse_unknown || bpe->fallback[0] == GD_NO_TOKEN || bpe->ignore_merges)
        return false;
    if (class->name[0] == 'G')
        return is_replacement(file);
    return is_metaspace(file, file->legacy && class->name[0] == 'L');
}

static bool is_same(const struct class *class, const gd_rebuild *file)
{
    size_t patterns = 0, prefixes = 0;

    if (!class->scan)
        return is_same_of_characters(class, file);
    for (size_t i = 0; i < file->pretoken->count; i++) {
        const gd_stage *stage = &file->pretoken->stages[i];

        prefixes += stage->kind == GD_STAGE_PREFIX;
        patterns += stage->kind == GD_STAGE_SCAN && stage->scan == class->scan && stage->behavior == GD_ISOLATED &&
                    !stage->invert;
    }
    return patterns == 1 && patterns + prefixes == file->pretoken->count &&
           (prefixes > 0) == (file->prefix_space == 1) && normalizes(file->normalizer, class->nfc) &&
           !file->bpe->ignore_merges;
}

const char *gd_rebuild_class(const gd_rebuild *file)
{
    const char *name = class_of(file);

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (is_named(classes[i].name, name))
            return is_same(&classes[i], file) ? NULL : classes[i].name;
    return NULL;
}
