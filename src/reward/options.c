/* options.c - reads and checks a caller's options. */
#include "reward/options.h"

#include "backends/backend.h"
#include "base/dir.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sized.h"
#include "quant-free/hub.h"

#include <stdlib.h>
#include <string.h>

const char *gd_version(void) { return GD_VERSION; }

unsigned gd_version_number(void) { return GD_VERSION_NUMBER; }

void gd_options_init_sized(gd_options *options, size_t struct_size) { gd_sized_init(options, struct_size); }

void gd_file_options_init_sized(gd_file_options *options, size_t struct_size) { gd_sized_init(options, struct_size); }

void gd_progress_init_sized(gd_progress *progress, size_t struct_size) { gd_sized_init(progress, struct_size); }

void gd_string_free(char *string) { gd_free(string); }

gd_status gd_options_operand(const gd_options *options, gd_dtype *operand, gd_error *err)
{
    const char *precision = options->precision ? options->precision : "bf16";

    *operand = GD_BF16;
    if (!strcmp(precision, "fp32"))
        *operand = GD_F32;
    else if (strcmp(precision, "bf16"))
        return gd_fail(err, GD_EUSAGE, "precision \"%s\": bf16 or fp32 is expected", precision);
    return GD_OK;
}

gd_status gd_options_arithmetic(const gd_options *options, gd_arithmetic *arithmetic, gd_error *err)
{
    const char *numerics = options->numerics ? options->numerics : "exact";

    *arithmetic = GD_EXACT;
    if (!strcmp(numerics, "tensor"))
        *arithmetic = GD_TENSOR;
    else if (!strcmp(numerics, "tensor8"))
        *arithmetic = GD_TENSOR8;
    else if (strcmp(numerics, "exact") && strcmp(numerics, "fast"))
        return gd_fail(err, GD_EUSAGE, "numerics \"%s\": exact, tensor, tensor8 or fast is expected", numerics);
    return GD_OK;
}

/* The vendors' matmuls don't add in the order that doc/arithmetic.md defines, so they must be asked for explicitly. */
static gd_status check_numerics(const gd_options *options, gd_error *err)
{
    const char *backend = options->backend ? options->backend : "auto";
    const gd_backend *known = gd_backend_named(backend);
    const bool vendor = known && known->any_order;
    gd_arithmetic arithmetic;
    gd_status rc = gd_options_arithmetic(options, &arithmetic, err);

    if (rc)
        return rc;
    if (vendor && options->numerics && strcmp(options->numerics, "fast"))
        return gd_fail(err, GD_EUSAGE,
                       "backend %s adds in its own order, so it cannot run with %s numerics; use fast, or "
                       "backend cpu",
                       backend, options->numerics);
    if (arithmetic != GD_EXACT && options->precision && !strcmp(options->precision, "fp32"))
        return gd_fail(
            err, GD_EUSAGE,
            "numerics %s are those of bf16 products in tensor cores, so precision fp32 has none; use exact, or "
            "precision bf16",
            options->numerics);
    return GD_OK;
}

static gd_status check_options(const gd_options *options, gd_error *err)
{
    if (!options->model)
        return gd_fail(err, GD_EUSAGE, "no model was given");
    if (options->truncate < GD_TRUNCATE_ERROR || options->truncate > GD_TRUNCATE_OLDEST_TURNS)
        return gd_fail(err, GD_EUSAGE, "truncate is %d, but a gd_truncate is expected", (int)options->truncate);
    if (options->add_eos < GD_ADD_EOS_NEVER || options->add_eos > GD_ADD_EOS_OFF)
        return gd_fail(err, GD_EUSAGE, "add_eos is %d, but a gd_add_eos is expected", (int)options->add_eos);
    if (options->turns && strcmp(options->turns, "auto") && strcmp(options->turns, "on") &&
        strcmp(options->turns, "off"))
        return gd_fail(err, GD_EUSAGE, "turns is \"%s\", but auto, on or off is expected", options->turns);
    if (options->threads > 1024)
        return gd_fail(err, GD_EUSAGE, "threads is %u, but at most 1024 is expected", options->threads);
    return check_numerics(options, err);
}

gd_status gd_options_read_any(gd_options *own, const gd_options *theirs, gd_error *err)
{
    static const gd_sized kind = GD_SIZED(gd_options, activation);
    return gd_sized_read(own, &kind, theirs, err);
}

gd_status gd_options_read(gd_options *own, const gd_options *theirs, gd_error *err)
{
    gd_status rc = gd_options_read_any(own, theirs, err);

    return rc ? rc : check_options(own, err);
}

/* Whether a GPU is there that does what the options ask for. */
static bool gpu_suits(const gd_options *o, const gd_backend *gpu, gd_dtype operand)
{
    const char *isa = o->isa && strcmp(o->isa, "auto") ? o->isa : NULL;
    gd_arithmetic arithmetic;

    if (!gpu || gpu->arithmetic(&arithmetic, operand, NULL) || (isa && (!gpu->isa(0) || strcmp(isa, gpu->isa(0)))))
        return false;
    return !o->numerics || !strcmp(o->numerics, "exact") || !strcmp(o->numerics, gd_arithmetic_name(arithmetic));
}

/* The backend's own arithmetic, where none is named. */
static gd_status choose_numerics(gd_options *own, const gd_backend *backend, gd_dtype operand, gd_error *err)
{
    gd_arithmetic arithmetic;
    gd_error why = { 0 };
    gd_status rc;

    if (own->numerics || !backend || !backend->arithmetic)
        return GD_OK;
    rc = backend->arithmetic(&arithmetic, operand, &why);
    if (rc)
        return gd_fail(err, rc, "backend %s: %s", backend->name, why.text);
    own->numerics = gd_arithmetic_name(arithmetic);
    return GD_OK;
}

gd_status gd_options_choose(gd_options *own, gd_error *err)
{
    const gd_backend *gpu = gd_backend_named("cuda");
    gd_dtype operand;
    gd_status rc = gd_options_operand(own, &operand, err);

    if (rc)
        return rc;
    if ((!own->backend || !strcmp(own->backend, "auto")) && gpu_suits(own, gpu, operand))
        own->backend = gpu->name;
    return choose_numerics(own, own->backend ? gd_backend_named(own->backend) : NULL, operand, err);
}

/* Trainers save an adapter where a model is expected, so one is easily taken for the other. */
static gd_status check_kind(const char *dir, const char *has, const char *lacks, const char *sentence, gd_error *err)
{
    bool is = false, is_other = false;
    gd_status rc = gd_file_hint(&is, dir, lacks, err);

    if (!rc && !is)
        rc = gd_file_hint(&is_other, dir, has, err);
    return !rc && is_other ? gd_fail(err, GD_EFORMAT, "%s: %s", dir, sentence) : rc;
}

/* The step of the newest checkpoint in a folder, 0 if it has none. */
static unsigned long long newest_checkpoint(const char *dir)
{
    static const char lead[] = "checkpoint-";
    DIR *list = opendir(dir);
    unsigned long long newest = 0;
    const char *name;

    while (list && (name = gd_dir_next(list)) != NULL) {
        char *end;
        const unsigned long long step = strncmp(name, lead, sizeof lead - 1)
                                            ? 0
                                            : strtoull(name + sizeof lead - 1, &end, 10);

        newest = step > newest && !*end ? step : newest;
    }
    if (list)
        (void)closedir(list);
    return newest;
}

/* Trainers keep checkpoints in the folder that becomes the model's or the adapter's at the end. */
static gd_status check_finished(const char *dir, const char *file, gd_error *err)
{
    bool there;
    unsigned long long step;
    gd_status rc = gd_file_hint(&there, dir, file, err);

    if (rc || there)
        return rc;
    step = newest_checkpoint(dir);
    return step ? gd_fail(err, GD_EFORMAT,
                          "%s: there is no %s: the run that writes it isn't finished; its newest checkpoint is "
                          "%s/checkpoint-%llu",
                          dir, file, dir, step)
                : GD_OK;
}

gd_status gd_options_dirs(const gd_options *options, char **dir, char **adapter_dir, gd_error *err)
{
    gd_status rc = gd_model_dir(options->model, dir, err);

    *adapter_dir = NULL;
    if (!rc && options->adapter)
        rc = gd_model_dir(options->adapter, adapter_dir, err);
    return rc;
}

gd_status gd_options_check_adapter(const char *dir, gd_error *err)
{
    const gd_status rc = check_kind(dir, "config.json", "adapter_config.json",
                                    "this is a model, not an adapter: give it with --model", err);

    return rc ? rc : check_finished(dir, "adapter_config.json", err);
}

gd_status gd_options_check_dirs(const char *dir, const char *adapter_dir, gd_error *err)
{
    gd_status rc = check_kind(
        dir, "adapter_config.json", "config.json",
        "this is an adapter: give it with --adapter, and with --model the model that it was trained on, "
        "\"base_model_name_or_path\" in its adapter_config.json",
        err);

    if (!rc)
        rc = check_finished(dir, "config.json", err);
    return rc || !adapter_dir ? rc : gd_options_check_adapter(adapter_dir, err);
}

gd_status gd_file_options_read(gd_file_options *own, const gd_file_options *theirs, gd_error *err)
{
    static const gd_sized kind = GD_SIZED(gd_file_options, fields);
    const gd_status rc = gd_sized_read(own, &kind, theirs, err);

    if (!rc && (!own->input || !own->output))
        return gd_fail(err, GD_EUSAGE, "no %s was given", own->input ? "output" : "input");
    return rc;
}

gd_status gd_progress_read(gd_progress *own, const gd_progress *theirs, gd_error *err)
{
    static const gd_sized kind = GD_SIZED(gd_progress, context);

    gd_progress_init(own);
    return theirs ? gd_sized_read(own, &kind, theirs, err) : GD_OK;
}
