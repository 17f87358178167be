/* chat_open.c - chooses a chat format: by name, from a file, or by the checkpoint's template. */
#include "text/chat_format.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define MOST_DATE 40

void gd_chat_list_names(char *text, size_t room)
{
    size_t len = 0;

    *text = '\0';
    for (const gd_chat_builtin *b = gd_chat_builtins; b->text && len < room; b++)
        len += (size_t)snprintf(text + len, room - len, "%s%s", len ? ", " : "", b->name);
}

static bool is_path(const char *format)
{
    const size_t len = strlen(format);

    return (len > 5 && !strcmp(format + len - 5, ".yaml")) || (len > 4 && !strcmp(format + len - 4, ".yml"));
}

/* The built-in format of a name, or of a name and a date, such as "llama3.2:26 Jul 2024"; *date is NULL without one. */
static const gd_chat_builtin *find_builtin(const char *format, const char **date)
{
    const size_t len = strcspn(format, ":");
    const gd_chat_builtin *b = gd_chat_builtins;

    while (b->text && (strlen(b->name) != len || strncmp(b->name, format, len) != 0))
        b++;
    *date = format[len] ? format + len + 1 : NULL;
    return b->text ? b : NULL;
}

bool gd_chat_is_builtin(const char *format)
{
    const char *date;

    return !strcmp(format, "auto") || find_builtin(format, &date);
}

/* A text of a format, and where it is from. */
struct text {
    const char *bytes, *name;
    size_t len;
};

/* A format that writes tokens has those of the checkpoint, if it names them. */
static gd_status parse(gd_chat **out, const struct text *text, const char *date, const char *dir, gd_error *err)
{
    gd_chat_tokens tokens = { 0 };
    const char *values[GD_CHAT_VALUES] = { NULL, NULL, date };
    gd_status rc = gd_chat_parse(out, text->bytes, text->len, text->name, values, err);

    if (rc || !dir || !((*out)->values[GD_CHAT_BOS] || (*out)->values[GD_CHAT_EOS]))
        return rc;
    gd_chat_close(*out);
    *out = NULL;
    rc = gd_chat_tokens_read(&tokens, dir, err);
    values[GD_CHAT_BOS] = tokens.values[GD_CHAT_BOS];
    values[GD_CHAT_EOS] = tokens.values[GD_CHAT_EOS];
    if (!rc)
        rc = gd_chat_parse(out, text->bytes, text->len, text->name, values, err);
    gd_chat_tokens_free(&tokens);
    return rc;
}

gd_status gd_chat_open_builtin(gd_chat **out, const gd_chat_builtin *builtin, gd_error *err)
{
    return gd_chat_parse(out, builtin->text, builtin->len, builtin->file, NULL, err);
}

static gd_status open_file(gd_chat **out, const char *path, const char *dir, gd_error *err)
{
    char *text;
    size_t len;
    gd_status rc = gd_file_read(&text, &len, path, GD_YAML_MAX_BYTES, err);

    if (rc)
        return rc;
    rc = parse(out, &(struct text){ text, path, len }, NULL, dir, err);
    gd_free(text);
    return rc;
}

/* The date is copied into texts as it is, but must be a short line. */
static bool is_date(const char *date)
{
    size_t len = 0;

    while ((unsigned char)date[len] >= ' ' && date[len] != '\x7f' && len <= MOST_DATE)
        len++;
    return len && len <= MOST_DATE && !date[len];
}

/* A format has the name that was asked for, its date included: another date makes other scores. */
static gd_status check_date(gd_chat *chat, const char *asked, const char *date, gd_error *err)
{
    const char *own = chat->values[GD_CHAT_DATE];

    if (date && !own)
        return gd_fail(err, GD_EUSAGE, "the chat format is \"%.80s\", but %s has no date", asked, chat->name);
    if (date && !is_date(date))
        return gd_fail(
            err, GD_EUSAGE,
            "the chat format is \"%.80s\", but a date of 1 to %d bytes in one line is expected after \"%s:\"", asked,
            MOST_DATE, chat->name);
    if (!date && own && !*own)
        return gd_fail(err, GD_EUSAGE,
                       "the chat format is \"%.80s\", which writes a date: say which, as in \"%s:26 July 2024\"", asked,
                       chat->name);
    if (date)
        chat->name = gd_arena_strndup(&chat->texts, asked, strlen(asked));
    return chat->name ? GD_OK : gd_fail_memory(err, strlen(asked));
}

static gd_status open_builtin(gd_chat **out, const char *format, const char *dir, gd_error *err)
{
    const char *date;
    const gd_chat_builtin *b = find_builtin(format, &date);
    gd_status rc = parse(out, &(struct text){ b->text, b->file, b->len }, date, dir, err);

    if (!rc)
        rc = check_date(*out, format, date, err);
    if (rc) {
        gd_chat_close(*out);
        *out = NULL;
    }
    return rc;
}

gd_status gd_chat_open(gd_chat **out, const char *format, const char *dir, const char *tokens, gd_error *err)
{
    char names[GD_CHAT_MOST_NAMES];
    const char *date;

    *out = NULL;
    if (!strcmp(format, "auto"))
        return gd_chat_recognise(out, dir, tokens, err);
    if (is_path(format))
        return open_file(out, format, tokens, err);
    if (find_builtin(format, &date))
        return open_builtin(out, format, tokens, err);
    gd_chat_list_names(names, sizeof names);
    return gd_fail(err, GD_EUSAGE,
                   "the chat format is \"%.80s\", but auto, %s, or a path that ends in .yaml is expected", format,
                   names);
}
