/* outputs.c - no output may be a file that is read, or another output. */
#include "base/error.h"
#include "base/mem.h"
#include "base/samefile.h"
#include "data/entries_inputs.h"
#include "reward/job.h"

#include <string.h>

static const char *name_of(const char *output) { return strcmp(output, "-") ? output : "standard output"; }

/* "-" twice is for the caller to judge: it may be none of the run's outputs. */
static bool is_same_output(const char *a, const char *b)
{
    if (!strcmp(a, "-") && !strcmp(b, "-"))
        return false;
    return (gd_is_stdout(a) && gd_is_stdout(b)) || gd_same_file(a, b);
}

gd_status gd_job_outputs(const gd_reads *reads, const char *const *inputs, size_t input_count,
                         const char *const *outputs, size_t output_count, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < output_count; i++) {
        const char *output = outputs[i];

        if (!output)
            continue;
        if (reads && strcmp(output, "-") != 0)
            rc = gd_reads_spare(reads, output, err);
        for (size_t k = 0; !rc && k < input_count; k++)
            if (gd_same_as_input(output, inputs[k]))
                rc = gd_fail(err, GD_EUSAGE, "%s: the run reads this file; choose another output", name_of(output));
        for (size_t k = 0; !rc && k < i; k++)
            if (outputs[k] && is_same_output(output, outputs[k]))
                rc = gd_fail(err, GD_EUSAGE, "%s: this is the same file as %s, but another one is expected",
                             name_of(output), name_of(outputs[k]));
    }
    return rc;
}

static gd_status find_reads(gd_reads *reads, const gd_options *options, gd_error *err)
{
    char *dir = NULL, *adapter_dir = NULL;
    gd_options own;
    gd_status rc = gd_options_read(&own, options, err);

    if (!rc)
        rc = gd_options_dirs(&own, &dir, &adapter_dir, err);
    if (!rc)
        rc = gd_reads_find(reads, &own, dir, adapter_dir, err);
    gd_free(dir);
    gd_free(adapter_dir);
    return rc;
}

/* An input that is missing, like a model, is reported by whoever reads it. */
static gd_status check_input(const gd_reads *reads, const char *input, const char *const *outputs, size_t count,
                             gd_error *err)
{
    gd_inputs found = { 0 };
    gd_error why = { 0 };
    gd_status rc = gd_inputs_find(&found, &input, 1, &why);

    if (rc)
        return rc == GD_ENOMEM ? gd_fail(err, rc, "%s", why.text) : GD_OK;
    rc = gd_job_outputs(reads, (const char *const *)found.paths, found.count, outputs, count, err);
    gd_inputs_free(&found);
    return rc;
}

gd_status gd_check_outputs(const gd_options *options, const char *const *inputs, size_t input_count,
                           const char *const *outputs, size_t output_count, gd_error *err)
{
    gd_reads reads = { 0 };
    gd_error why = { 0 };
    gd_status rc = options ? find_reads(&reads, options, &why) : GD_OK;

    if (rc == GD_ENOMEM)
        (void)gd_fail(err, rc, "%s", why.text);
    else
        rc = gd_job_outputs(&reads, NULL, 0, outputs, output_count, err);
    for (size_t i = 0; !rc && i < input_count; i++)
        if (inputs[i])
            rc = check_input(&reads, inputs[i], outputs, output_count, err);
    gd_reads_free(&reads);
    return rc;
}
