/* config_activation.c - the activation of Gemma 1.
 *
 * The published files say hidden_act "gelu", but the models were trained with the tanh form. Transformers 4 took
 * hidden_activation, or the tanh form where there is none; Transformers 5 takes hidden_act, and so the error function
 * where that is "gelu". Here it is the tanh form, with a notice. */
#include "quant-free/config_inside.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

#define TANH_FORM "gelu_pytorch_tanh"

static gd_status read_field(const char **out, const gd_config *c, const char *field, gd_error *err)
{
    *out = NULL;
    return gd_json_has(c->json, field) ? gd_json_string(out, c->json, field, c->path, err) : GD_OK;
}

gd_status gd_config_activation_read(gd_config *c, gd_error *err)
{
    const char *old, *newer;
    gd_status rc;

    if (c->family != GD_FAMILY_GEMMA)
        return GD_OK;
    rc = read_field(&old, c, "hidden_act", err);
    if (!rc)
        rc = read_field(&newer, c, "hidden_activation", err);
    if (rc)
        return rc;
    old = old ? old : TANH_FORM;
    c->activation = newer ? newer : strcmp(old, "gelu") == 0 ? TANH_FORM : old;
    if (newer && strcmp(old, newer) != 0 && strcmp(old, "gelu") != 0)
        return gd_fail(err, GD_EFORMAT,
                       "%s: the field \"hidden_act\" is \"%s\", but \"hidden_activation\" is \"%s\": the same is "
                       "expected",
                       c->path, old, newer);
    if (strcmp(old, "gelu") != 0 || strcmp(c->activation, "gelu") == 0)
        return GD_OK;
    return gd_notes_add(&c->notes, err,
                        "%s: the field \"hidden_act\" is \"gelu\", which Transformers 5 takes literally; the model is "
                        "computed with \"%s\", as it was trained, and as Transformers 4 does",
                        c->path, c->activation);
}
