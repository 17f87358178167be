/* trained.c - reads and applies guerdon-adapter.json: what was trained is scored the same way. */
#include "reward/trained.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "reward/scale.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "guerdon-adapter/1"
#define LIMIT ((size_t)1 << 20)

/* `usual` is what happens without the file; NULL: no value means that. */
static const struct field {
    const char *name, *usual;
} fields[GD_TRAINED_FIELDS] = {
    [GD_TRAINED_MAX_LENGTH] = { "max_length", NULL },     [GD_TRAINED_ADD_EOS] = { "add_eos", "never" },
    [GD_TRAINED_CHAT_FORMAT] = { "chat_format", "auto" }, [GD_TRAINED_TURNS] = { "turns", "auto" },
    [GD_TRAINED_NORMALIZE] = { "normalize", NULL },
};

enum { WORDS = 4, NUMBER_ROOM = 24 };

/* The first stands for nothing said; those of add_eos are in the order of gd_add_eos. */
static const char *const eos_words[WORDS] = { NULL, "auto", "always", "never" };
static const char *const turns_words[WORDS] = { NULL, "auto", "on", "off" };

/* The option as the file and the user write it; NULL if it is at its default. */
static const char *text_of(const gd_options *options, gd_trained_field field, char room[NUMBER_ROOM])
{
    switch (field) {
    case GD_TRAINED_MAX_LENGTH:
        (void)snprintf(room, NUMBER_ROOM, "%zu", options->max_length);
        return options->max_length ? room : NULL;
    case GD_TRAINED_ADD_EOS: return eos_words[options->add_eos];
    case GD_TRAINED_CHAT_FORMAT: return options->chat_format;
    case GD_TRAINED_TURNS: return options->turns;
    default: return options->normalize;
    }
}

/* ---- reading ---- */

/* A setting that this version does not know may well change scores. */
static gd_status check_names(const json_t *root, const json_t *scoring, const char *path, gd_error *err)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)root, key, value)
        if (strcmp(key, "format") != 0 && strcmp(key, "scoring") != 0 && strcmp(key, "training") != 0)
            return gd_fail(err, GD_EFORMAT,
                           "%s: the field \"%.60s\" is unknown; \"format\", \"scoring\" and \"training\" are expected",
                           path, key);
    json_object_foreach((json_t *)scoring, key, value) {
        size_t f = 0;

        while (f < GD_TRAINED_FIELDS && strcmp(key, fields[f].name) != 0)
            f++;
        if (f == GD_TRAINED_FIELDS)
            return gd_fail(err, GD_EFORMAT,
                           "%s: the field \"%.60s\" of \"scoring\" is unknown, and may matter to scores; only "
                           "max_length, add_eos, chat_format, turns and normalize are expected",
                           path, key);
    }
    return GD_OK;
}

/* *out stays as it is for null, or without such a field. */
static gd_status read_text(const char **out, const json_t *scoring, gd_trained_field field, const char *path,
                           gd_error *err)
{
    const char *name = fields[field].name;

    return gd_json_has(scoring, name) ? gd_json_string(out, scoring, name, path, err) : GD_OK;
}

static gd_status unexpected(const char *text, gd_trained_field field, const char *expected, const char *path,
                            gd_error *err)
{
    return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is \"%.60s\", but %s is expected", path, fields[field].name,
                   text, expected);
}

/* The place of the field's value among the words. */
static gd_status read_word(size_t *index, const char *const words[WORDS], const json_t *scoring, gd_trained_field field,
                           const char *path, gd_error *err)
{
    const char *text = NULL;
    const gd_status rc = read_text(&text, scoring, field, path, err);
    char expected[64];

    *index = 0;
    if (rc || !text)
        return rc;
    for (*index = 1; *index < WORDS; ++*index)
        if (!strcmp(text, words[*index]))
            return GD_OK;
    (void)snprintf(expected, sizeof expected, "%s, %s or %s", words[1], words[2], words[3]);
    return unexpected(text, field, expected, path, err);
}

static gd_status read_length(gd_options *to, const json_t *scoring, const char *path, gd_error *err)
{
    int64_t length = 0;
    gd_status rc = GD_OK;

    if (gd_json_has(scoring, "max_length"))
        rc = gd_json_int(&length, scoring, "max_length", 1, INT32_MAX, path, err);
    to->max_length = (size_t)length;
    return rc;
}

static bool is_file(const char *format)
{
    const char *dot = strrchr(format, '.');

    return dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

/* The path of a file is only remembered: elsewhere, it means something else. */
static gd_status read_chat_format(gd_options *to, const json_t *scoring, const char *path, gd_error *err)
{
    const gd_status rc = read_text(&to->chat_format, scoring, GD_TRAINED_CHAT_FORMAT, path, err);

    if (json_is_null(json_object_get(scoring, "chat_format")))
        to->chat_format = "auto";
    if (rc || !to->chat_format || gd_chat_is_builtin(to->chat_format) || is_file(to->chat_format))
        return rc;
    return unexpected(to->chat_format, GD_TRAINED_CHAT_FORMAT,
                      "null, the name of a built-in chat format, or a path that ends in .yaml", path, err);
}

static gd_status read_normalize(gd_options *to, const json_t *scoring, const char *path, gd_error *err)
{
    const gd_status rc = read_text(&to->normalize, scoring, GD_TRAINED_NORMALIZE, path, err);
    gd_scale scale;

    if (rc || !to->normalize || gd_scale_parse(&scale, to->normalize))
        return rc;
    return unexpected(to->normalize, GD_TRAINED_NORMALIZE,
                      "null or \"MEAN,STD\", two finite numbers of which STD is above 0,", path, err);
}

static gd_status read_scoring(gd_options *to, const json_t *scoring, const char *path, gd_error *err)
{
    size_t word = 0;
    gd_status rc = read_length(to, scoring, path, err);

    if (!rc)
        rc = read_word(&word, eos_words, scoring, GD_TRAINED_ADD_EOS, path, err);
    if (!rc)
        to->add_eos = (gd_add_eos)word;
    if (!rc)
        rc = read_chat_format(to, scoring, path, err);
    if (!rc)
        rc = read_word(&word, turns_words, scoring, GD_TRAINED_TURNS, path, err);
    if (!rc)
        to->turns = turns_words[word];
    return rc ? rc : read_normalize(to, scoring, path, err);
}

static gd_status read_training(gd_trained *t, gd_error *err)
{
    gd_status rc = GD_OK;

    if (gd_json_has(t->json, "training"))
        rc = gd_json_object(&t->training, t->json, "training", t->path, err);
    if (!rc && t->training && gd_json_has_odd(t->training))
        rc = gd_fail(err, GD_EFORMAT, "%s: a value of \"training\" is NaN, Infinity or the like, which is not JSON",
                     t->path);
    return rc;
}

gd_status gd_trained_open(gd_trained *t, const char *dir, const char *adapter_dir, gd_error *err)
{
    const json_t *scoring = NULL;
    const char *format;
    bool there;
    gd_status rc;

    *t = (gd_trained){ .whose = adapter_dir ? "adapter" : "model" };
    rc = gd_file_find(&t->path, &there, adapter_dir ? adapter_dir : dir, GD_TRAINED_FILE, err);
    if (rc || !there) {
        gd_trained_close(t);
        return rc;
    }
    rc = gd_json_load(&t->json, t->path, LIMIT, err);
    if (!rc)
        rc = gd_json_string(&format, t->json, "format", t->path, err);
    if (!rc && strcmp(format, FORMAT) != 0)
        rc = gd_fail(err, GD_EFORMAT, "%s: its format is \"%.60s\", but \"%s\" is expected", t->path, format, FORMAT);
    if (!rc)
        rc = gd_json_object(&scoring, t->json, "scoring", t->path, err);
    if (!rc)
        rc = check_names(t->json, scoring, t->path, err);
    if (!rc)
        rc = read_scoring(&t->scoring, scoring, t->path, err);
    return rc ? rc : read_training(t, err);
}

void gd_trained_close(gd_trained *t)
{
    json_decref(t->json);
    gd_free(t->path);
    *t = (gd_trained){ 0 };
}

/* ---- applying ---- */

gd_status gd_trained_apply(gd_trained *t, gd_options *options, gd_error *err)
{
    const gd_options *ours = &t->scoring;
    char room[NUMBER_ROOM];

    for (gd_trained_field f = 0; f < GD_TRAINED_FIELDS; f++)
        t->applied[f] = !text_of(options, f, room) && text_of(ours, f, room);
    if (t->applied[GD_TRAINED_MAX_LENGTH])
        options->max_length = ours->max_length;
    if (t->applied[GD_TRAINED_ADD_EOS])
        options->add_eos = ours->add_eos;
    if (t->applied[GD_TRAINED_CHAT_FORMAT])
        options->chat_format = ours->chat_format;
    if (t->applied[GD_TRAINED_TURNS])
        options->turns = ours->turns;
    if (t->applied[GD_TRAINED_NORMALIZE])
        options->normalize = ours->normalize;
    if (options->add_eos == GD_ADD_EOS_OFF)
        options->add_eos = GD_ADD_EOS_NEVER;
    if (ours->chat_format && is_file(ours->chat_format))
        return gd_trained_blame(t, GD_TRAINED_CHAT_FORMAT, err,
                                "a file is not looked for: give it with --chat-format, or choose another format there");
    return GD_OK;
}

gd_status gd_trained_blame(const gd_trained *t, gd_trained_field field, gd_error *err, const char *format, ...)
{
    char number[NUMBER_ROOM], why[sizeof err->text];
    va_list args;

    if (!t->applied[field])
        return GD_OK;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return gd_fail(err, GD_EFORMAT, "%s: the field \"%s\" is %s, but %s", t->path, fields[field].name,
                   text_of(&t->scoring, field, number), why);
}

/* ---- notes ---- */

/* Texts are joined unless turns are asked for: "off" says what "auto" does. */
static bool is_usual(gd_trained_field field, const char *text)
{
    const char *usual = fields[field].usual;

    return (usual && !strcmp(text, usual)) || (field == GD_TRAINED_TURNS && !strcmp(text, "off"));
}

static gd_status note_applied(const gd_trained *t, gd_notes *notes, gd_error *err)
{
    char list[160] = "", room[NUMBER_ROOM];
    size_t len = 0;

    for (gd_trained_field f = 0; f < GD_TRAINED_FIELDS; f++) {
        const char *text = text_of(&t->scoring, f, room);

        if (t->applied[f] && !is_usual(f, text) && len < sizeof list)
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%s %.40s", len ? ", " : "", fields[f].name, text);
    }
    if (!len)
        return GD_OK;
    return gd_notes_add(notes, err, "the %s was trained with %s (" GD_TRAINED_FILE "), used here too", t->whose, list);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* What to compare the file with: see gd_trained_note(). */
struct asked {
    const gd_options *options;
    const gd_chat *chat;
    const gd_choice *from;
};

/* Two names may mean one format: "auto" is whatever the template has.  A file may have been moved. */
static gd_status same_format(bool *same, const gd_trained *t, const gd_options *given, const gd_chat *chat,
                             const gd_choice *from, gd_error *err)
{
    gd_chat *trained;
    gd_error why = { 0 };
    gd_status rc;

    *same = is_file(t->scoring.chat_format) &&
            !strcmp(last_part(t->scoring.chat_format), last_part(given->chat_format));
    if (!chat || is_file(t->scoring.chat_format) || !gd_chat_is_builtin(given->chat_format))
        return GD_OK;
    rc = gd_chat_open(&trained, t->scoring.chat_format, from->chat, from->special, &why);
    *same = !rc && !strcmp(gd_chat_name(trained), gd_chat_name(chat));
    gd_chat_close(trained);
    return rc == GD_ENOMEM ? gd_fail(err, rc, "%s", why.text) : GD_OK;
}

static bool same_scale(const char *a, const char *b)
{
    gd_scale x, y;

    return gd_scale_parse(&x, a) && gd_scale_parse(&y, b) && x.mean == y.mean && x.std == y.std;
}

enum { DIFFERENCE = 320 };

/* Writes "trained with X, but Y" where the file and the options differ; else nothing. */
static gd_status find_difference(char text[DIFFERENCE], const gd_trained *t, gd_trained_field f,
                                 const struct asked *asked, gd_error *err)
{
    char room[2][NUMBER_ROOM];
    const char *ours = text_of(&t->scoring, f, room[0]), *theirs = text_of(asked->options, f, room[1]);
    bool same = !ours || !theirs || !strcmp(ours, theirs);
    gd_status rc = GD_OK;

    if (!same && f == GD_TRAINED_CHAT_FORMAT)
        rc = same_format(&same, t, asked->options, asked->chat, asked->from, err);
    else if (!same && f == GD_TRAINED_TURNS)
        same = is_usual(f, ours) && is_usual(f, theirs);
    else if (!same && f == GD_TRAINED_NORMALIZE)
        same = same_scale(ours, theirs);
    text[0] = '\0';
    if (!rc && !same)
        (void)snprintf(text, DIFFERENCE, "trained with %s %.40s, but %.80s", fields[f].name, ours, theirs);
    return rc;
}

gd_status gd_trained_note(const gd_trained *t, const gd_options *given, const gd_chat *chat, const gd_choice *from,
                          gd_notes *notes, gd_error *err)
{
    const struct asked asked = { given, chat, from };
    gd_status rc = note_applied(t, notes, err);

    for (gd_trained_field f = 0; !rc && f < GD_TRAINED_FIELDS; f++) {
        char text[DIFFERENCE];

        rc = find_difference(text, t, f, &asked, err);
        if (!rc && *text)
            rc = gd_notes_add(notes, err, "the %s was %s was asked for: its scores may mean less", t->whose, text);
    }
    return rc;
}

gd_status gd_trained_note_start(const gd_trained *t, const gd_options *run, const gd_chat *chat, const gd_choice *from,
                                gd_notes *notes, gd_error *err)
{
    const struct asked asked = { run, chat, from };
    gd_status rc = GD_OK;

    for (gd_trained_field f = 0; !rc && f < GD_TRAINED_FIELDS; f++) {
        char text[DIFFERENCE];

        rc = find_difference(text, t, f, &asked, err);
        if (!rc && *text)
            rc = gd_notes_add(notes, err,
                              "%.200s: the adapter to begin with was %s is this run's; ask for the same, unless the "
                              "change is meant",
                              t->path, text);
    }
    return rc;
}
