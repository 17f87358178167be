/* recipe.c - flags from a YAML file: every flag of train has a key, learning_rate for --learning-rate. */
#include "cli/cli.h"

#include "base/file.h"
#include "base/yaml.h"

#include <stdlib.h>
#include <string.h>

/* A text that is not in the file as it is. */
struct joined {
    struct joined *next;
    char text[];
};

struct cli_recipe {
    gd_yaml *yaml;
    struct joined *joined;
};

struct reading {
    cli_settings *settings;
    cli_given *given;
    cli_given typed; /* on the command line, which wins */
    cli_given seen;  /* in the file */
    struct cli_recipe *recipe;
};

/* Reports what is wrong at `node`. */
static int fail_at(const struct reading *r, const gd_yaml_node *node, const char *what, const char *sentence)
{
    cli_say("%s:%u:%u: %s%s", r->settings->recipe, node->line, node->column, what, sentence);
    return CLI_USAGE;
}

/* The texts of `count` nodes in a row, with a character between them; NULL without memory. */
static const char *join(struct cli_recipe *recipe, const gd_yaml_node *first, size_t count, char between)
{
    const gd_yaml_node *node = first;
    size_t room = 0;
    struct joined *joined;
    char *end;

    for (size_t i = 0; i < count; i++, node = node->next)
        room += strlen(node->text) + 1;
    joined = malloc(sizeof *joined + room);
    if (!joined)
        return NULL;
    joined->next = recipe->joined;
    recipe->joined = joined;
    end = joined->text;
    for (size_t i = 0; i < count; i++, first = first->next) {
        const size_t len = strlen(first->text);

        memcpy(end, first->text, len);
        end[len] = between;
        end += len + 1;
    }
    end[-1] = '\0';
    return joined->text;
}

static const gd_yaml_node *value_of(const gd_yaml_node *key) { return key->next; }

/* A value left empty, or null, is none; in quotes it is a text. */
static bool is_empty(const gd_yaml_node *node)
{
    static const char *const names[] = { "", "~", "null", "Null", "NULL" };

    for (size_t i = 0; node->plain && i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(node->text, names[i]))
            return true;
    return !node->text[0];
}

/* CLI_OK if `node` is one value. */
static int check_single(const struct reading *r, const gd_yaml_node *key, const gd_yaml_node *node)
{
    if (node->kind == GD_YAML_LIST)
        return fail_at(r, node, key->text,
                       strcmp(key->text, "train") ? " is a list, but a single value is expected"
                                                  : " is a list, but a single value is expected; for several files, it "
                                                    "is a pattern in quotes: 'data/*.jsonl' or '{a,b}.jsonl'");
    if (node->kind == GD_YAML_MAP)
        return fail_at(r, node, key->text, " is a mapping, but a single value is expected");
    if (is_empty(node))
        return fail_at(r, node, key->text, " has no value; for the default, leave the line out");
    return CLI_OK;
}

static int set_at(struct reading *r, const cli_flag *flag, const gd_yaml_node *key, const gd_yaml_node *node,
                  const char *text)
{
    const cli_place place = { r->settings->recipe, key->text, node->line, node->column };
    cli_settings unused; /* a value that the command line replaces must be right all the same */

    if (!text)
        return cli_no_memory();
    if (!cli_is_replaced(&r->typed, flag))
        return cli_set(r->settings, flag, text, &place);
    memset(&unused, 0, sizeof unused);
    return cli_set(&unused, flag, text, &place);
}

static bool is_set_name(const char *name) { return *name && !name[strspn(name, CLI_NAME)]; }

/* A list of files, or a mapping of names to files. */
static int set_list(struct reading *r, const cli_flag *flag, const gd_yaml_node *key)
{
    const gd_yaml_node *list = value_of(key), *node = list->child;
    int status = list->count ? CLI_OK : fail_at(r, list, key->text, " is empty; leave the line out");

    for (size_t i = 0; !status && i < list->count; i++) {
        const gd_yaml_node *item = list->kind == GD_YAML_MAP ? value_of(node) : node;

        status = check_single(r, key, item);
        if (!status && list->kind == GD_YAML_MAP && !is_set_name(node->text))
            status = fail_at(r, node, key->text, ": the name of a set has letters, digits, _, . and - only");
        if (!status)
            status = set_at(r, flag, key, item, list->kind == GD_YAML_MAP ? join(r->recipe, node, 2, '=') : node->text);
        node = item->next;
    }
    return status;
}

/* A list where the flag takes names with commas between them. */
static int set_names(struct reading *r, const cli_flag *flag, const gd_yaml_node *key)
{
    const gd_yaml_node *list = value_of(key);

    if (!list->count)
        return fail_at(r, list, key->text, " is empty; leave the line out");
    for (const gd_yaml_node *item = list->child; item; item = item->next)
        if (check_single(r, key, item))
            return CLI_USAGE;
    return set_at(r, flag, key, list, join(r->recipe, list->child, list->count, ','));
}

static int set_switch(struct reading *r, const cli_flag *flag, const gd_yaml_node *key)
{
    const gd_yaml_node *value = value_of(key);
    gd_error err = { GD_OK, "" };
    bool on;

    if (gd_yaml_bool(&on, r->recipe->yaml, value, key->text, &err)) {
        cli_say("%s", err.text);
        return CLI_USAGE;
    }
    return on ? set_at(r, flag, key, value, value->text) : CLI_OK;
}

static int set_key(struct reading *r, const cli_flag *flag, const gd_yaml_node *key)
{
    const gd_yaml_node *value = value_of(key);
    int status;

    if (flag->kind == CLI_SWITCH)
        return set_switch(r, flag, key);
    if (flag->kind == CLI_LIST && value->kind != GD_YAML_SCALAR)
        return set_list(r, flag, key);
    if (value->kind == GD_YAML_LIST && strstr(flag->value, ",.."))
        return set_names(r, flag, key);
    status = check_single(r, key, value);
    return status ? status : set_at(r, flag, key, value, value->text);
}

/* A recipe can't name another, nor ask for help. */
static bool is_key(const cli_flag *flag)
{
    return (flag->commands & CLI_CMD_TRAIN) && strcmp(flag->name, "recipe") && strcmp(flag->name, "help");
}

static const char *key_name(const void *context, size_t index)
{
    (void)context;
    for (size_t i = 0; i < cli_flag_count; i++)
        if (is_key(&cli_flags[i]) && index-- == 0)
            return cli_flags[i].name;
    return NULL;
}

/* A flag's name as a key. */
static const char *as_key(char room[64], const char *name)
{
    size_t i = 0;

    for (; name[i] && i < 63; i++)
        room[i] = (char)(name[i] == '-' ? '_' : name[i]);
    room[i] = '\0';
    return room;
}

/* Whether every weight learns, by the command line or by the recipe, in whatever order its keys are. */
static bool trains_all(const struct reading *r)
{
    const gd_yaml_node *key = gd_yaml_root(r->recipe->yaml)->child;
    bool all = r->settings->full, on;

    for (; key; key = value_of(key)->next)
        if (cli_same_name(key->text, "full") && !gd_yaml_bool(&on, r->recipe->yaml, value_of(key), key->text, NULL))
            all |= on;
    return all;
}

/* Says what the key of another program means here. */
static int refuse_alias(const struct reading *r, const gd_yaml_node *key, const cli_alias *alias)
{
    const gd_yaml_node *value = value_of(key);
    char sentence[512], room[64];

    if (value->kind == GD_YAML_SCALAR && cli_alias_is_done(alias, value->text, trains_all(r)))
        (void)snprintf(sentence, sizeof sentence, ": %s is what is done anyway: leave it out", value->text);
    else if (alias->ours)
        (void)snprintf(sentence, sizeof sentence, " is called %s here%s%s", as_key(room, alias->ours),
                       alias->why ? ": " : "", alias->why ? alias->why : "");
    else
        (void)snprintf(sentence, sizeof sentence, ": %s", alias->why);
    return fail_at(r, key, key->text, sentence);
}

static int refuse_key(const struct reading *r, const gd_yaml_node *key)
{
    const cli_alias *alias = cli_alias_find(key->text);
    char sentence[512], room[64], like_flag[64];
    const char *guess, *hint = cli_hint(key->text);

    if (alias)
        return refuse_alias(r, key, alias);
    (void)snprintf(like_flag, sizeof like_flag, "%s", key->text);
    for (char *p = like_flag; *p; p++)
        *p = (char)(*p == '_' ? '-' : *p);
    guess = cli_closest(like_flag, key_name, NULL);
    if (hint)
        (void)snprintf(sentence, sizeof sentence, " is not a key of a recipe; %s", hint);
    else if (guess)
        (void)snprintf(sentence, sizeof sentence, " is not a key of a recipe; did you mean %s?", as_key(room, guess));
    else
        (void)snprintf(sentence, sizeof sentence, " is not a key of a recipe; guerdon train --help lists the flags, %s",
                       "which are the keys");
    return fail_at(r, key, key->text, sentence);
}

/* The flag of train with the name of the key, or NULL. */
static const cli_flag *find_key(const char *key)
{
    for (size_t i = 0; i < cli_flag_count; i++)
        if ((cli_flags[i].commands & CLI_CMD_TRAIN) && cli_same_name(cli_flags[i].name, key))
            return &cli_flags[i];
    return NULL;
}

static int take_key(struct reading *r, const gd_yaml_node *key)
{
    const cli_flag *flag = find_key(key->text);

    if (!flag)
        return refuse_key(r, key);
    if (!is_key(flag))
        return fail_at(r, key, key->text, " is a flag only: it can't be in a recipe");
    if (r->seen.flag[flag - cli_flags])
        return fail_at(r, key, key->text, " is there twice, once with - for _");
    r->seen.flag[flag - cli_flags] = 1;
    r->given->flag[flag - cli_flags] = 1;
    return set_key(r, flag, key);
}

/* A recipe for another program has many keys to change: all of them are reported, and not one a run. */
static int take_keys(struct reading *r, const gd_yaml_node *key)
{
    enum { MISTAKES = 40 };
    int status = CLI_OK;

    for (int mistakes = 0; key && mistakes < MISTAKES; key = value_of(key)->next) {
        const int wrong = take_key(r, key);

        status = status ? status : wrong;
        mistakes += wrong != CLI_OK;
    }
    return status;
}

static int read_file(struct cli_recipe *recipe, const char *path)
{
    gd_error err = { GD_OK, "" };
    char *text = NULL;
    size_t len;
    gd_status rc = gd_file_read(&text, &len, path, GD_YAML_MAX_BYTES, &err);

    if (rc)
        return cli_fail(rc, &err);
    rc = gd_yaml_parse(&recipe->yaml, text, len, path, &err);
    if (!rc)
        rc = gd_yaml_expect(recipe->yaml, gd_yaml_root(recipe->yaml), GD_YAML_MAP, "the recipe", &err);
    gd_string_free(text);
    return cli_fail(rc == GD_EFORMAT ? GD_EUSAGE : rc, &err); /* it stands for flags */
}

int cli_recipe_read(cli_settings *settings, cli_given *given)
{
    struct cli_recipe *recipe = calloc(1, sizeof *recipe);
    struct reading r = { settings, given, *given, { { 0 } }, recipe };
    int status;

    if (!recipe)
        return cli_no_memory();
    settings->recipe_memory = recipe;
    status = read_file(recipe, settings->recipe);
    return status ? status : take_keys(&r, gd_yaml_root(recipe->yaml)->child);
}

void cli_recipe_forget(struct cli_recipe *recipe)
{
    struct joined *next;

    if (!recipe)
        return;
    for (struct joined *joined = recipe->joined; joined; joined = next) {
        next = joined->next;
        free(joined);
    }
    gd_yaml_free(recipe->yaml);
    free(recipe);
}
