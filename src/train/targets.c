/* targets.c - which modules get LoRA matrices. */
#include "train/targets.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

#include <string.h>

static const char *last_part(const char *module)
{
    const char *dot = strrchr(module, '.');

    return dot ? dot + 1 : module;
}

/* Whether the module's name is `name`, or ends in it after a dot. */
static bool ends_in(const char *module, const char *name)
{
    const size_t all = strlen(module), len = strlen(name);

    return len <= all && !strcmp(module + all - len, name) && (len == all || module[all - len - 1] == '.');
}

static bool has_name(const gd_targets *targets, const char *name)
{
    for (size_t i = 0; i < targets->count; i++)
        if (!strcmp(targets->names[i], name))
            return true;
    return false;
}

/* Whether the ends of names match no other module than these. */
static bool is_exact(const gd_targets *targets, const gd_plan *plan, size_t count)
{
    const char **modules = gd_alloc(plan->step_count, sizeof *modules);
    const size_t all = modules ? gd_plan_modules(plan, modules) : 0;
    size_t matches = 0;

    for (size_t i = 0; i < all; i++)
        matches += has_name(targets, last_part(modules[i]));
    gd_free(modules);
    return matches == count;
}

gd_status gd_targets_of(gd_targets *targets, const gd_plan *plan, const char *const *modules, size_t count,
                        gd_error *err)
{
    *targets = (gd_targets){ 0 };
    targets->names = gd_alloc(count, sizeof *targets->names);
    if (!targets->names)
        return gd_fail_memory(err, count * sizeof *targets->names);
    for (size_t i = 0; i < count; i++) {
        const char *name = last_part(modules[i]);

        if (!has_name(targets, name))
            targets->names[targets->count++] = name;
    }
    if (is_exact(targets, plan, count))
        return GD_OK;
    for (targets->count = 0; targets->count < count; targets->count++)
        targets->names[targets->count] = modules[targets->count];
    return GD_OK;
}

static gd_status take_all(gd_targets *targets, const gd_plan *plan, gd_error *err)
{
    const char **modules = gd_alloc(plan->step_count, sizeof *modules);
    gd_status rc;

    if (!modules)
        return gd_fail_memory(err, plan->step_count * sizeof *modules);
    rc = gd_targets_of(targets, plan, modules, gd_plan_modules(plan, modules), err);
    gd_free(modules);
    return rc;
}

/* "the model has q_proj, k_proj, ..": what could have been meant. */
static gd_status fail_absent(const char *what, const gd_plan *plan, gd_error *err)
{
    gd_targets all = { 0 };
    gd_buf list = { 0 };
    gd_status rc = take_all(&all, plan, err);

    for (size_t i = 0; !rc && i < all.count; i++)
        gd_buf_printf(&list, "%s%s", i ? ", " : "", all.names[i]);
    if (!rc) {
        const char *names = gd_buf_cstr(&list);

        rc = names ? gd_fail(err, GD_EUSAGE, "lora_targets: no linear module matches \"%.100s\"; the model has %.200s",
                             what, names)
                   : gd_fail_memory(err, list.len);
    }
    gd_buf_free(&list);
    gd_targets_close(&all);
    return rc;
}

/* Whether any module of the plan is one of these targets. */
static gd_status check_found(const gd_targets *targets, const char *what, const gd_plan *plan, gd_error *err)
{
    bool found = false;
    gd_status rc = GD_OK;

    for (size_t s = 0; !rc && !found && s < plan->step_count; s++)
        if (plan->steps[s].lora)
            rc = gd_targets_match(targets, plan->steps[s].lora, &found, err);
    return rc || found ? rc : fail_absent(what, plan, err);
}

static gd_status split(gd_targets *targets, const gd_plan *plan, gd_error *err)
{
    const size_t most = strlen(targets->text) / 2 + 1;
    gd_status rc = GD_OK;

    targets->names = gd_alloc(most, sizeof *targets->names);
    if (!targets->names)
        return gd_fail_memory(err, most * sizeof *targets->names);
    for (char *name = targets->text, *next; !rc && name; name = next) {
        const gd_targets one = { .names = (const char *[]){ name }, .count = 1 };

        next = strchr(name, ',');
        if (next)
            *next++ = '\0';
        if (!*name)
            return gd_fail(err, GD_EUSAGE, "lora_targets: a name is empty; names separated by commas are expected");
        rc = check_found(&one, name, plan, err);
        if (!rc && !has_name(targets, name))
            targets->names[targets->count++] = name;
    }
    return rc;
}

gd_status gd_targets_open(gd_targets *targets, const char *given, const gd_plan *plan, gd_error *err)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,";
    gd_error why = { 0 };
    gd_status rc;

    *targets = (gd_targets){ 0 };
    if (!strcmp(given, "all-linear"))
        return take_all(targets, plan, err);
    if (strspn(given, plain) == strlen(given)) {
        targets->text = gd_strdup(given);
        return targets->text ? split(targets, plan, err) : gd_fail_memory(err, strlen(given));
    }
    targets->given = given;
    rc = gd_pattern_open(&targets->pattern, given, GD_PATTERN_FULL, "lora_targets", "the options", &why);
    if (rc)
        return gd_fail(err, rc == GD_EFORMAT ? GD_EUSAGE : rc, "%s", why.text);
    return check_found(targets, given, plan, err);
}

gd_status gd_targets_match(const gd_targets *targets, const char *module, bool *matches, gd_error *err)
{
    size_t layer;

    *matches = false;
    if (targets->pattern)
        return gd_pattern_match(targets->pattern, module, matches, &layer, err);
    for (size_t i = 0; i < targets->count; i++)
        *matches |= ends_in(module, targets->names[i]);
    return GD_OK;
}

void gd_targets_close(gd_targets *targets)
{
    gd_pattern_close(targets->pattern);
    gd_free(targets->names);
    gd_free(targets->text);
    *targets = (gd_targets){ 0 };
}
