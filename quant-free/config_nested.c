/* config_nested.c - models that read images as well: their fields are those of the text model, in text_config. */
#include "quant-free/config_inside.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

#include <string.h>

static const struct nested {
    const char *model_type, *inner; /* of the whole */
    const char *classes[2];
    const char *text_types[2]; /* the first is that of a text_config which doesn't say */
} kinds[] = {
    { "gemma3",
      "Gemma3Model",
      { "Gemma3ForSequenceClassification", "Gemma3ForConditionalGeneration" },
      { "gemma3_text", NULL } },
    { "mistral3", "Mistral3Model", { "Mistral3ForConditionalGeneration", NULL }, { "mistral", "ministral3" } },
};

/* What else is in such a file, without effect on a text. */
static const char *const known[] = {
    "architectures",
    "_name_or_path",
    "boi_token_index",
    "bos_token_id",
    "dtype",
    "eoi_token_index",
    "eos_token_id",
    "id2label",
    "image_token_index",
    "initializer_range",
    "label2id",
    "mm_tokens_per_image",
    "model_type",
    "multimodal_projector_bias",
    "num_labels",
    "pad_token_id",
    "problem_type",
    "projector_hidden_act",
    "quantization_config",
    "spatial_merge_size",
    "text_config",
    "tie_word_embeddings",
    "torch_dtype",
    "transformers_version",
    "use_cache",
    "vision_config",
    "vision_feature_layer",
};

static const struct nested *find_kind(const char *class, const char *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct nested *k = &kinds[i];
        bool mine = class ? strcmp(class, k->inner) == 0 : type && strcmp(type, k->model_type) == 0;

        for (size_t c = 0; c < 2; c++)
            mine |= class && k->classes[c] && strcmp(class, k->classes[c]) == 0;
        if (mine)
            return k;
    }
    return NULL;
}

const char *gd_config_nested_class(size_t i, const char **trunk)
{
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (size_t c = 0; c < 2 && kinds[k].classes[c]; c++)
            if (i-- == 0) {
                *trunk = gd_config_type_class(kinds[k].text_types[0]);
                return kinds[k].classes[c];
            }
    return NULL;
}

static gd_status check_type(const gd_config *c, const struct nested *kind, const char *class, gd_error *err)
{
    const char *type;
    gd_status rc;

    if (!gd_json_has(c->root, "model_type"))
        return GD_OK;
    rc = gd_json_string(&type, c->root, "model_type", c->path, err);
    if (!rc && strcmp(type, kind->model_type) != 0)
        return gd_fail(err, GD_EFORMAT, "%s: the field \"model_type\" is \"%s\", but the architecture is %s", c->path,
                       type, class);
    return rc;
}

/* The text model's type: one of those that this kind may have. */
static gd_status text_type(const char **out, const gd_config *c, const struct nested *kind, gd_error *err)
{
    gd_status rc;

    *out = kind->text_types[0];
    if (!gd_json_has(c->json, "model_type"))
        return GD_OK;
    rc = gd_json_string(out, c->json, "model_type", c->path, err);
    for (size_t i = 0; !rc && i < 2; i++)
        if (kind->text_types[i] && strcmp(*out, kind->text_types[i]) == 0)
            return GD_OK;
    return rc ? rc
              : gd_fail(err, GD_EUNSUPPORTED, "%s: the field \"model_type\" is \"%.40s\", but %s%s%s is expected",
                        c->path, *out, kind->text_types[0], kind->text_types[1] ? " or " : "",
                        kind->text_types[1] ? kind->text_types[1] : "");
}

/* Messages about the fields inside say where they are. */
static gd_status enter(gd_config *c, gd_error *err)
{
    const size_t size = strlen(c->path) + sizeof ", text_config";
    char *path = gd_alloc(size, 1);

    if (!path)
        return gd_fail_memory(err, size);
    (void)snprintf(path, size, "%s, text_config", c->path);
    c->outer = c->path;
    c->path = path;
    return GD_OK;
}

gd_status gd_config_nested_read(gd_config *c, bool *nested, gd_error *err)
{
    const json_t *list = json_object_get(c->root, "architectures");
    const char *class = json_string_value(json_array_get(list, 0));
    const char *type = json_string_value(json_object_get(c->root, "model_type"));
    const struct nested *kind = json_array_size(list) > 1 ? NULL : find_kind(class, type);
    gd_status rc;

    *nested = kind != NULL;
    if (!kind)
        return GD_OK;
    c->classifier = kind->classes[0];
    c->architecture = class && strcmp(class, kind->inner) != 0 ? class : kind->classes[0];
    rc = check_type(c, kind, c->architecture, err);
    if (!rc && !gd_json_has(c->root, "text_config"))
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"text_config\" is missing, but the architecture is %s, whose text model it "
                       "describes",
                       c->path, c->architecture);
    return rc ? rc : gd_json_object(&c->json, c->root, "text_config", c->path, err);
}

static bool is_known(const char *field)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i], field) == 0)
            return true;
    return false;
}

static gd_status check_outside(gd_config *c, gd_error *err)
{
    static const char *const refused[] = { "auto_map", "is_encoder_decoder", "add_cross_attention" };
    const char *field;
    json_t *value;
    gd_status rc = gd_notes_add(&c->notes, err, "%s: the model reads images as well, but here only texts are read",
                                c->path);

    for (size_t i = 0; !rc && i < sizeof refused / sizeof refused[0]; i++) {
        value = json_object_get(c->root, refused[i]);
        if (value && !gd_json_nothing(value))
            return gd_fail(err, GD_EUNSUPPORTED, "%s: the field \"%s\" is set, which is not supported", c->path,
                           refused[i]);
    }
    json_object_foreach(c->root, field, value) {
        if (!rc && !gd_json_nothing(value) && !is_known(field))
            rc = gd_notes_add(&c->notes, err, "%s: the field \"%s\" is unknown and ignored, as in Transformers",
                              c->path, field);
    }
    return rc;
}

gd_status gd_config_nested_check(gd_config *c, gd_error *err)
{
    const char *type;
    gd_status rc = check_outside(c, err);

    if (!rc)
        rc = enter(c, err);
    if (!rc)
        rc = text_type(&type, c, find_kind(c->architecture, NULL), err);
    return rc ? rc : gd_config_family_of_text(c, type, err);
}
