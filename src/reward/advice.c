/* advice.c - notices that matter to scores: what the adapter's files say that the options do not. */
#include "reward/advice.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define CARD_MAX ((size_t)1 << 20)

/* ---- the base ---- */

struct part {
    const char *text;
    size_t len;
};

static bool is_digits(const char *text, size_t len, const char *digits) { return len && strspn(text, digits) >= len; }

static bool is(struct part part, const char *text)
{
    return part.len == strlen(text) && strncasecmp(part.text, text, part.len) == 0;
}

static struct part without(struct part part, const char *end)
{
    const size_t len = strlen(end);

    if (part.len > len && strncasecmp(part.text + part.len - len, end, len) == 0)
        part.len -= len;
    return part;
}

/* The name of a model: the last part of its path; the quantised copies that people train on have the name of their
 * original and an ending. Length 0 if it says nothing. */
static struct part name_of(const char *path)
{
    static const char *const cache = "models--";
    static const char *const blank[] = { ".", "..", "model", "base", "base_model", "merged", "final", "output" };
    const char *repository = strstr(path, cache), *dashes;
    struct part part = { path, strlen(path) };

    while (part.len > 1 && part.text[part.len - 1] == '/')
        part.len--;
    if (repository) { /* models--ORG--NAME/snapshots/... */
        repository += strlen(cache);
        dashes = strstr(repository, "--");
        part.text = dashes ? dashes + 2 : repository;
        part.len = strcspn(part.text, "/");
    }
    for (size_t i = part.len; i > 0; i--)
        if (part.text[i - 1] == '/' || part.text[i - 1] == '\\') { /* the other one where Windows trained it */
            part = (struct part){ part.text + i, part.len - i };
            break;
        }
    part = without(without(part, "-bnb-4bit"), "-unsloth");
    for (size_t i = 0; i < sizeof blank / sizeof blank[0]; i++)
        if (is(part, blank[i]))
            part.len = 0;
    if ((part.len > 11 && strncasecmp(part.text, "checkpoint-", 11) == 0 &&
         is_digits(part.text + 11, part.len - 11, "0123456789")) ||
        (part.len == 40 && is_digits(part.text, part.len, "0123456789abcdef")))
        part.len = 0;
    return part;
}

/* Whether one of them is the other with its owner before it, as ORG_NAME or ORG--NAME, which programs that download
 * models make of ORG/NAME. */
static bool has_owner(struct part part, struct part name)
{
    const char *end = part.text + part.len - name.len;

    return part.len > name.len + 2 && strncasecmp(end, name.text, name.len) == 0 &&
           (end[-1] == '_' || (end[-1] == '-' && end[-2] == '-'));
}

bool gd_same_model(const char *a, const char *b)
{
    const struct part x = name_of(a), y = name_of(b);

    return !x.len || !y.len || (x.len == y.len && strncasecmp(x.text, y.text, x.len) == 0) || has_owner(x, y) ||
           has_owner(y, x);
}

/* The model's name is what the user typed, or what its config.json remembers.  A relative path only says where the
 * training run had its base. */
static gd_status advise_base(gd_model *model, const gd_options *options, gd_error *err)
{
    const char *base = model->adapter ? gd_adapter_base(model->adapter) : NULL;
    const char *named = json_string_value(json_object_get(gd_config_json(model->config), "_name_or_path"));

    if (!base || base[0] == '.' || gd_same_model(base, options->model) ||
        (named && *named && gd_same_model(base, named)))
        return GD_OK;
    return gd_notes_add(
        &model->encoder.notes, err,
        "%s: the adapter was trained on \"%.80s\" (base_model_name_or_path), but the model is \"%.80s\"",
        model->adapter_dir, base, options->model);
}

/* ---- the end of texts ---- */

/* Whether the tags at the head of a model card, which TRL writes, have this one. */
static bool has_tag(const char *card, const char *tag)
{
    const char *end = strncmp(card, "---", 3) == 0 ? strstr(card + 3, "\n---") : NULL;
    const size_t len = strlen(tag);

    for (const char *at = card; end && (at = strstr(at, tag)) && at < end; at += len)
        if (at - card > 3 && strncmp(at - 3, "\n- ", 3) == 0 && isspace((unsigned char)at[len]))
            return true;
    return false;
}

/* A card that cannot be read says nothing. */
static gd_status read_card(char **card, const char *dir, gd_error *err)
{
    char *path = gd_path_join(dir, "README.md");
    gd_error why = { 0 };
    size_t len;
    gd_status rc;

    *card = NULL;
    if (!path)
        return gd_fail_memory(err, strlen(dir) + 11);
    rc = gd_file_read(card, &len, path, CARD_MAX, &why);
    gd_free(path);
    return rc == GD_ENOMEM ? gd_fail(err, rc, "%s", why.text) : GD_OK;
}

/* TRL ends plain texts with the eos token, and leaves conversations to the chat template. Where the pad token is the
 * same, the score is read before it, and it changes nothing. */
static gd_status advise_eos(gd_model *model, gd_error *err)
{
    const gd_special_ids *ids = &model->encoder.special;
    const char *dir = model->adapter_dir ? model->adapter_dir : model->dir, *token;
    char *card;
    gd_status rc = GD_OK;

    if (!ids->has_eos || (ids->has_pad && ids->pad == ids->eos))
        return GD_OK;
    rc = read_card(&card, dir, err);
    token = gd_tokenizer_token(model->encoder.tokenizer, ids->eos);
    if (!rc && card && has_tag(card, "reward-trainer"))
        rc = gd_notes_add(&model->encoder.notes, err,
                          "%s/README.md: TRL trained this, ending plain texts (not conversations) with %.40s%s", dir,
                          token ? token : "the eos token",
                          model->encoder.add_eos == GD_ADD_EOS_NEVER ? ", which is appended only with --add-eos auto"
                                                                     : "; here it is appended (--add-eos)");
    gd_free(card);
    return rc;
}

gd_status gd_advise(gd_model *model, const gd_options *options, gd_error *err)
{
    const gd_status rc = advise_base(model, options, err);

    return rc ? rc : advise_eos(model, err);
}
