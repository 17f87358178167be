/* advice.c - notices that matter to a run: what the adapter's files say that the options do not, and plain C. */
#include "reward/advice.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "reward/same_model.h"

#include <ctype.h>
#include <string.h>

#define CARD_MAX ((size_t)1 << 20)

/* ---- the base ---- */

/* The model's name is what the user typed, or what its config.json remembers.  A relative path only says where the
 * training run had its base. */
gd_status gd_advise_base(gd_notes *notes, const gd_adapter *adapter, const char *adapter_dir, const char *model,
                         const gd_config *config, gd_error *err)
{
    const char *base = gd_adapter_base(adapter);
    const char *named = json_string_value(json_object_get(gd_config_json(config), "_name_or_path"));

    if (!base || base[0] == '.' || gd_same_model(base, model) || (named && *named && gd_same_model(base, named)))
        return GD_OK;
    return gd_notes_add(
        notes, err, "%s: the adapter was trained on \"%.80s\" (base_model_name_or_path), but the model is \"%.80s\"",
        adapter_dir, base, model);
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
 * same, the score is read before it, and it changes nothing. Settings beside the card say it better. */
static gd_status advise_eos(gd_model *model, gd_error *err)
{
    const gd_special_ids *ids = &model->encoder.special;
    const char *dir = model->adapter_dir ? model->adapter_dir : model->dir, *token;
    char *card;
    gd_status rc = GD_OK;

    if (!ids->has_eos || (ids->has_pad && ids->pad == ids->eos) || model->encoder.trained.path)
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

/* OpenRLHF leaves the mean and the deviation of a run's rewards in config.json, and applies them if it is asked to. */
static gd_status advise_normalize(gd_model *model, const gd_options *options, gd_error *err)
{
    const json_t *json = gd_config_json(model->config);
    const json_t *of_mean = json_object_get(json, "mean"), *of_std = json_object_get(json, "std");
    const double mean = json_number_value(of_mean), std = json_number_value(of_std);

    if (options->normalize || model->encoder.trained.scoring.normalize || !json_is_number(of_mean) || !(std > 0))
        return GD_OK;
    return gd_notes_add(&model->encoder.notes, err,
                        "%s: the rewards of its training had the mean %.9g and the deviation %.9g; scores are not "
                        "normalized by them: --normalize %.9g,%.9g does it",
                        gd_config_path(model->config), mean, std, mean, std);
}

gd_status gd_advise(gd_model *model, const gd_options *options, gd_error *err)
{
    gd_status rc = GD_OK;

    if (model->adapter)
        rc = gd_advise_base(&model->encoder.notes, model->adapter, model->adapter_dir, options->model, model->config,
                            err);
    if (!rc)
        rc = advise_normalize(model, options, err);
    return rc ? rc : advise_eos(model, err);
}

/* ---- the instruction set ---- */

gd_status gd_advise_speed(gd_model *model, gd_error *err)
{
    if (strcmp(gd_engine_describe(model->engine), "generic") != 0)
        return GD_OK;
    return gd_notes_add(
        &model->encoder.notes, err,
        "the instruction set is \"generic\", plain C: the definition of every score, for checking, not for "
        "work; with AVX2, AVX-512 or NEON, the same scores take hundreds of times less time");
}
