/* same_model.c - whether two paths or names mean the same model, by the names that people and programs give it. */
#include "reward/same_model.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* A path without its last parts: what is left are the first `len` bytes. */
struct path {
    const char *text;
    size_t len;
};

/* As words in lower case, with a space between them: "qwen 2 5 7b" of Qwen2.5-7B, Qwen2___5-7B and qwen2_5-7b. */
enum { NAME_ROOM = 256 };
typedef char words[NAME_ROOM];

static bool is_slash(char c) { return c == '/' || c == '\\'; } /* the other one where Windows trained it */

/* Takes off the last part of the path, and returns it. */
static struct path take_part(struct path *path)
{
    size_t from, to = path->len;

    while (to > 0 && is_slash(path->text[to - 1]))
        to--;
    for (from = to; from > 0 && !is_slash(path->text[from - 1]); from--)
        ;
    path->len = from;
    return (struct path){ path->text + from, to - from };
}

static bool only(struct path part, const char *chars)
{
    size_t i = 0;

    while (i < part.len && strchr(chars, part.text[i]))
        i++;
    return i == part.len;
}

static bool is_one_of(struct path part, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (part.len == strlen(list[i]) && strncasecmp(part.text, list[i], part.len) == 0)
            return true;
    return false;
}

/* Parts that come after a name: Kaggle has NAME/transformers/7b/1. */
static bool is_version(struct path part)
{
    static const char *const list[] = { "main", "master", "default", "transformers", "pytorch", "hf", "safetensors" };

    return part.len > 0 && (only(part, "0123456789") || is_one_of(part, list, sizeof list / sizeof list[0]));
}

static void put_words(words out, struct path name)
{
    size_t n = 0;

    for (size_t i = 0; i < name.len && n + 2 < NAME_ROOM; i++) {
        const unsigned char c = (unsigned char)name.text[i];

        if (n && out[n - 1] != ' ' && (strchr("-_. /\\", c) || (isdigit(c) && isalpha((unsigned char)out[n - 1]))))
            out[n++] = ' ';
        if (!strchr("-_. /\\", c))
            out[n++] = (char)tolower(c);
    }
    out[n - (n && out[n - 1] == ' ')] = '\0';
}

/* Whether a part is what people call any model. */
static bool says_nothing(struct path part)
{
    static const char *const list[] = { "",       "model",      "models",       "base",    "base model",
                                        "merged", "final",      "final model",  "best",    "best model",
                                        "output", "checkpoint", "merged model", "weights", "checkpoints" };
    words name;

    put_words(name, part);
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        if (!strcmp(name, list[i]))
            return true;
    return (part.len == 40 && only(part, "0123456789abcdef")) ||
           (part.len > 11 && strncasecmp(part.text, "checkpoint-", 11) == 0 &&
            only((struct path){ part.text + 11, part.len - 11 }, "0123456789"));
}

/* The part of a path that names the model, of length 0 if none does; and the one before it: its owner, its family, or
 * only a directory. */
struct name {
    struct path part, before;
};

static struct name find_name(const char *text)
{
    static const char *const cache = "models--";
    const char *repository = strstr(text, cache), *dashes;
    struct path path = { text, strlen(text) };
    struct name name = { 0 };

    if (repository) { /* models--ORG--NAME/snapshots/... */
        repository += strlen(cache);
        dashes = strstr(repository, "--");
        text = dashes ? dashes + 2 : repository;
        name.part = (struct path){ text, strcspn(text, "/\\") };
        name.before = (struct path){ repository, dashes ? (size_t)(dashes - repository) : 0 };
        return name;
    }
    do
        name.part = take_part(&path);
    while (path.len > 0 && is_version(name.part));
    do
        name.before = take_part(&path);
    while (path.len > 0 && is_version(name.before));
    if (says_nothing(name.part) || is_version(name.part))
        name.part.len = 0;
    return name;
}

static bool take_ending(words name)
{
    static const char *const endings[] = { " hf",    " unsloth", " bnb",   " 4bit",  " 8bit", " gptq", " awq",
                                           " int 4", " int 8",   " fp 16", " bf 16", " fp 8", " nf 4", " gguf" };
    const size_t len = strlen(name);

    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t n = strlen(endings[i]);

        if (len > n && !strcmp(name + len - n, endings[i])) {
            name[len - n] = '\0';
            return true;
        }
    }
    return false;
}

/* The same weights in another form, such as the quantised copies that people train on, have the name of their original
 * and an ending; and Meta put its name before Llama's for a while. */
static void put_name(words out, struct path name)
{
    put_words(out, name);
    while (take_ending(out))
        ;
    if (!strncmp(out, "meta llama ", 11))
        memmove(out, out + 5, strlen(out) + 1 - 5);
}

/* Whether `ours` is the name of `other`: as it is; or with its owner before it, as ORG_NAME or ORG--NAME, which
 * programs that download models make of ORG/NAME; or as the end of a name that begins in the part before, as in
 * qwen2.5/transformers/7b-instruct. */
static bool names(struct name ours, struct name other)
{
    const struct path part = ours.part;
    words name, wanted, owner, wanted_owner;

    put_name(name, part);
    put_name(wanted, other.part);
    if (!strcmp(name, wanted))
        return true;
    if (isdigit((unsigned char)name[0])) {
        char whole[2 * NAME_ROOM];

        put_name(owner, ours.before);
        (void)snprintf(whole, sizeof whole, "%s %s", owner, name);
        return !strcmp(whole, wanted);
    }
    put_words(wanted_owner, other.before);
    for (size_t i = 1; i + 1 < part.len; i++)
        if (part.text[i] == '_' || (part.text[i] == '-' && part.text[i - 1] == '-')) {
            put_words(owner, (struct path){ part.text, i });
            put_name(name, (struct path){ part.text + i + 1, part.len - i - 1 });
            if (!strcmp(name, wanted) && !strcmp(owner, wanted_owner))
                return true;
        }
    return false;
}

bool gd_same_model(const char *a, const char *b)
{
    const struct name x = find_name(a), y = find_name(b);

    return !x.part.len || !y.part.len || names(x, y) || names(y, x);
}
