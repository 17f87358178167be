/* chat_auto.c - the chat format that matches a checkpoint's template.
 *
 * A template is recognised if it equals, byte for byte, one of those published with the models, which were compared
 * with the format on many conversations (tests/data/chat). Similarity is not enough: there are templates that differ
 * only in one space, and the score of the wrong text looks like any other. Two things may differ, since Jinja ignores
 * them: the line endings (LF, CR LF, CR), and one newline at the very end. And if the template writes the checkpoint's
 * bos_token or eos_token, they must be those that the format writes.
 *
 * The template is where Transformers finds it: additional_chat_templates/default.jinja, else chat_template.jinja,
 * else chat_template in tokenizer_config.json, which is a string, or a list of {name, template} with one called
 * "default". The tokens are those of the same directory unless an adapter has a template but no tokenizer files. */
#include "text/chat_format.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sha256.h"

#include <string.h>

#define TEMPLATE_LIMIT ((size_t)1 << 20)

/* A checkpoint's template, and the files that may define its tokens. */
struct source {
    const char *dir, *tokens; /* directories: of the template, and of the tokens */
    char *path;               /* of the file that contains the template */
    char *text;               /* the template; NULL: none */
    size_t len;
    json_t *config; /* tokenizer_config.json beside the template; NULL: absent */
    gd_chat_tokens special;
    gd_error *err;
};

/* "X: <problem>; pass ...": every failure of auto ends with what to do. */
static gd_status fail_auto(const struct source *s, const char *path, const char *problem)
{
    char names[GD_CHAT_MOST_NAMES];

    gd_chat_list_names(names, sizeof names);
    return gd_fail(s->err, GD_EUNSUPPORTED,
                   "%.200s: %s; pass --chat-format with one of %s, or with a FILE.yaml that describes it", path,
                   problem, names);
}

/* ---- reading ---- */

/* s->path becomes dir/name; *there says whether it is a file. */
static gd_status find_file(struct source *s, const char *name, bool *there)
{
    gd_free(s->path);
    return gd_file_find(&s->path, there, s->dir, name, s->err);
}

/* The template called "default" in a list. */
static const json_t *of_list(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i), *name = json_object_get(one, "name");

        if (json_is_string(name) && !strcmp(json_string_value(name), "default"))
            return json_object_get(one, "template");
    }
    return NULL;
}

static gd_status from_config(struct source *s)
{
    const json_t *value = json_object_get(s->config, "chat_template");
    bool there;
    gd_status rc = find_file(s, "tokenizer_config.json", &there);

    if (rc || !value || json_is_null(value))
        return rc;
    if (json_is_array(value)) {
        value = of_list(value);
        if (!value)
            return fail_auto(s, s->path, "chat_template is a list without a template called \"default\"");
    }
    if (!json_is_string(value))
        return gd_fail(s->err, GD_EFORMAT, "%s: chat_template is %s, but a string is expected", s->path,
                       gd_json_type_name(value));
    s->len = json_string_length(value);
    s->text = gd_strndup(json_string_value(value), s->len);
    return s->text ? GD_OK : gd_fail_memory(s->err, s->len);
}

static gd_status read_source(struct source *s)
{
    static const char *const files[] = { "additional_chat_templates/default.jinja", "chat_template.jinja" };
    gd_status rc = gd_chat_load_json(&s->config, s->dir, "tokenizer_config.json", s->err);

    if (!rc)
        rc = gd_chat_tokens_read(&s->special, s->tokens, s->err);
    for (size_t i = 0; !rc && i < 2 && !s->text; i++) {
        bool there;

        rc = find_file(s, files[i], &there);
        if (!rc && there)
            rc = gd_file_read(&s->text, &s->len, s->path, TEMPLATE_LIMIT, s->err);
    }
    if (!rc && !s->text)
        rc = from_config(s);
    if (!rc && !s->text)
        rc = fail_auto(s, s->dir, "the checkpoint has no chat template");
    return rc;
}

static void free_source(struct source *s)
{
    gd_free(s->path);
    gd_free(s->text);
    json_decref(s->config);
    gd_chat_tokens_free(&s->special);
}

/* ---- comparing ---- */

/* Makes lines end in LF, and removes a newline at the very end, as Jinja does. */
static void normalize(struct source *s)
{
    size_t len = 0;

    for (size_t i = 0; i < s->len; i++) {
        if (s->text[i] == '\r' && i + 1 < s->len && s->text[i + 1] == '\n')
            continue;
        s->text[len++] = s->text[i] == '\r' ? '\n' : s->text[i];
    }
    s->len = len - (len && s->text[len - 1] == '\n');
}

static bool has_hash(const gd_yaml_node *list, const char *hash)
{
    for (const gd_yaml_node *t = list ? list->child : NULL; t; t = t->next) {
        if (!strcmp(t->text, hash))
            return true;
    }
    return false;
}

/* `written` is what the format has for the token; NULL: nothing. */
static gd_status check_token(const struct source *s, const gd_chat *chat, gd_chat_value token, const char *written)
{
    const char *own = s->special.values[token];

    if (!written || (own && !strcmp(own, written)))
        return GD_OK;
    return gd_fail(s->err, GD_EUNSUPPORTED,
                   "%.200s: the chat template is that of the format %s, which writes \"%s\", but the checkpoint's %s "
                   "is %s%.40s%s; if the format is right, pass --chat-format %s",
                   s->tokens, chat->name, written, gd_chat_value_names[token], own ? "\"" : "", own ? own : "missing",
                   own ? "\"" : "", chat->name);
}

/* *found says whether the format is that of the template; the call can still fail then. */
static gd_status compare(const struct source *s, const gd_chat *chat, const char *hash, bool *found)
{
    const gd_yaml_node *reason = chat->unlike ? gd_yaml_get(chat->unlike, hash) : NULL;
    gd_status rc;

    *found = has_hash(chat->templates, hash);
    if (reason)
        return gd_fail(s->err, GD_EUNSUPPORTED, "%.200s: %.280s", s->path, reason->text);
    if (!*found)
        return GD_OK;
    rc = check_token(s, chat, GD_CHAT_BOS, chat->bos ? chat->bos : chat->values[GD_CHAT_BOS]);
    return rc ? rc : check_token(s, chat, GD_CHAT_EOS, chat->eos ? chat->eos : chat->values[GD_CHAT_EOS]);
}

gd_status gd_chat_recognise(gd_chat **out, const char *dir, const char *tokens, gd_error *err)
{
    struct source s = { .dir = dir, .tokens = tokens, .err = err };
    char hash[GD_SHA256_DIGITS + 1];
    gd_status rc = read_source(&s);
    bool found = false;

    *out = NULL;
    if (!rc) {
        normalize(&s);
        gd_sha256(s.text, s.len, hash);
    }
    for (const gd_chat_builtin *b = gd_chat_builtins; !rc && !found && b->text; b++) {
        rc = gd_chat_parse(out, b->text, b->len, b->file, s.special.values, err);
        if (!rc)
            rc = compare(&s, *out, hash, &found);
        if (rc || !found) {
            gd_chat_close(*out);
            *out = NULL;
        }
    }
    if (!rc && !found)
        rc = fail_auto(&s, s.path, "the chat template is not recognised");
    free_source(&s);
    return rc;
}
