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

static bool says_nothing(struct path part)
{
    static const char *const list[] = { ".", "..", "model", "base", "base_model", "merged", "final", "output" };

    return is_one_of(part, list, sizeof list / sizeof list[0]) || (part.len == 40 && only(part, "0123456789abcdef")) ||
           (part.len > 11 && strncasecmp(part.text, "checkpoint-", 11) == 0 &&
            only((struct path){ part.text + 11, part.len - 11 }, "0123456789"));
}

/* The part of the path that names the model; length 0 if none does. */
static struct path find_name(const char *text)
{
    static const char *const cache = "models--";
    const char *repository = strstr(text, cache), *dashes;
    struct path path = { text, strlen(text) }, part;

    if (repository) { /* models--ORG--NAME/snapshots/... */
        repository += strlen(cache);
        dashes = strstr(repository, "--");
        text = dashes ? dashes + 2 : repository;
        return (struct path){ text, strcspn(text, "/\\") };
    }
    do
        part = take_part(&path);
    while (path.len > 0 && is_version(part));
    if (says_nothing(part) || is_version(part))
        part.len = 0;
    return part;
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

static bool take_ending(words name)
{
    static const char *const endings[] = { " hf",  " unsloth", " bnb",   " 4bit",  " 8bit", " gptq",
                                           " awq", " int 4",   " int 8", " fp 16", " bf 16" };
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

/* Whether each of the words is among the others. */
static bool has_words(const words all, const words some)
{
    char rest[NAME_ROOM + 2], word[NAME_ROOM + 2];

    (void)snprintf(rest, sizeof rest, " %s ", all);
    for (size_t n; *some; some += n + (some[n] == ' ')) {
        n = strcspn(some, " ");
        (void)snprintf(word, sizeof word, " %.*s ", (int)n, some);
        if (!strstr(rest, word))
            return false;
    }
    return true;
}

/* Whether `part` is the name, maybe with its owner before it, as ORG_NAME or ORG--NAME, which programs that download
 * models make of ORG/NAME; or only the end of the name, as in .../7b-instruct. */
static bool names(struct path part, const words name)
{
    words ours;

    put_name(ours, part);
    if (!strcmp(ours, name) || (isdigit((unsigned char)ours[0]) && has_words(name, ours)))
        return true;
    for (size_t i = 1; i + 1 < part.len; i++)
        if (part.text[i] == '_' || (part.text[i] == '-' && part.text[i - 1] == '-')) {
            put_name(ours, (struct path){ part.text + i + 1, part.len - i - 1 });
            if (!strcmp(ours, name))
                return true;
        }
    return false;
}

bool gd_same_model(const char *a, const char *b)
{
    const struct path x = find_name(a), y = find_name(b);
    words x_name, y_name;

    put_name(x_name, x);
    put_name(y_name, y);
    return !x.len || !y.len || names(x, y_name) || names(y, x_name);
}
