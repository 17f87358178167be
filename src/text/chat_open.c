/* chat_open.c - chooses a chat format: by name, from a file, or by the checkpoint's template. */
#include "text/chat_format.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

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

static gd_status open_file(gd_chat **out, const char *path, gd_error *err)
{
    char *text;
    size_t len;
    gd_status rc = gd_file_read(&text, &len, path, GD_YAML_MAX_BYTES, err);

    if (rc)
        return rc;
    rc = gd_chat_parse(out, text, len, path, err);
    gd_free(text);
    return rc;
}

gd_status gd_chat_open(gd_chat **out, const char *format, const char *dir, const char *tokens, gd_error *err)
{
    char names[GD_CHAT_MOST_NAMES];

    *out = NULL;
    if (!strcmp(format, "auto"))
        return gd_chat_recognise(out, dir, tokens, err);
    if (is_path(format))
        return open_file(out, format, err);
    for (const gd_chat_builtin *b = gd_chat_builtins; b->text; b++) {
        if (!strcmp(format, b->name))
            return gd_chat_parse(out, b->text, b->len, b->file, err);
    }
    gd_chat_list_names(names, sizeof names);
    return gd_fail(err, GD_EUSAGE,
                   "the chat format is \"%.80s\", but auto, %s, or a path that ends in .yaml is expected", format,
                   names);
}
