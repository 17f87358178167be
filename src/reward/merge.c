/* merge.c - merges a model and an adapter into one checkpoint. */
#include "reward/merge.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/guard.h"
#include "base/mem.h"
#include "engine/bind.h"
#include "engine/settle.h"
#include "quant-free/merge_write.h"
#include "reward/choose_head.h"
#include "reward/head_made.h"
#include "reward/model.h"

#include <string.h>
#include <sys/stat.h>

/* What is read: a model without the parts that score. */
struct source {
    char *dir, *adapter_dir;
    gd_config *config;
    gd_plan *plan;
    gd_weights *weights;
    gd_adapter *adapter;
    gd_head head;
    gd_head_made made;
    gd_buf files; /* gd_reads_put() of those that are read completely, before they were */
};

static void close_source(struct source *s)
{
    gd_head_made_free(&s->made);
    gd_head_free(&s->head);
    gd_adapter_close(s->adapter);
    gd_weights_close(s->weights);
    gd_plan_free(s->plan);
    gd_config_close(s->config);
    gd_free(s->adapter_dir);
    gd_free(s->dir);
    gd_buf_free(&s->files);
}

static gd_status list_files(gd_buf *json, const struct source *s, const gd_options *options, gd_error *err)
{
    gd_reads reads;
    gd_status rc = gd_reads_find(&reads, options, s->dir, s->adapter_dir, err);

    if (!rc)
        rc = gd_merge_reads(&reads, s->dir, s->adapter_dir, err);
    if (!rc)
        rc = gd_reads_put(json, &reads, err);
    gd_reads_free(&reads);
    return !rc && json->failed ? gd_fail_memory(err, json->len) : rc;
}

/* A file that goes away while others are copied would not be missed, and one that is replaced is no match for them. */
static gd_status files_unchanged(const struct source *s, const gd_options *options, gd_error *err)
{
    gd_buf now = { 0 };
    gd_status rc = list_files(&now, s, options, err);

    if (!rc && (now.len != s->files.len || memcmp(now.data, s->files.data, now.len) != 0))
        rc = gd_fail(err, GD_EIO, "%s, %s: a file was changed, added or removed while the others were being read",
                     s->dir, s->adapter_dir);
    gd_buf_free(&now);
    return rc;
}

static gd_status check_arguments(const gd_options *options, const char *output, gd_error *err)
{
    if (!options->adapter)
        return gd_fail(err, GD_EUSAGE, "no adapter was given: there is nothing to merge");
    if (!output || !*output)
        return gd_fail(err, GD_EUSAGE, "no output was given: a directory to write to is expected");
    return GD_OK;
}

static gd_status check_other(const char *output, const char *dir, const char *whose, gd_error *err)
{
    struct stat a, b;

    if (stat(output, &a) < 0 || stat(dir, &b) < 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        return GD_OK;
    return gd_fail(err, GD_EUSAGE, "%s: this is the %s's own directory, but another one is expected", output, whose);
}

static gd_merge_source source_of(const struct source *s)
{
    return (gd_merge_source){ s->dir, s->adapter_dir, s->config, s->plan->head_of != NULL };
}

/* The checks that scoring makes: every tensor exists with its shape, every module of the adapter is the model's. */
static gd_status check_model(const struct source *s, gd_error *err)
{
    const gd_engine_parts parts = { .plan = s->plan,
                                    .weights = s->weights,
                                    .over = { .adapter = s->adapter,
                                              .head = s->head.view,
                                              .head_bias = s->head.bias,
                                              .made = s->made.weights,
                                              .made_count = s->made.count } };
    gd_bound *bound;
    const gd_status rc = gd_bind(&bound, &parts, err);

    gd_free(bound);
    return rc;
}

/* ---- heads of other forms ---- */

static gd_status make_plan(struct source *s, const gd_options *options, gd_dtype operand, gd_error *err)
{
    const gd_head_sources from = { s->config, s->weights, s->dir, s->adapter_dir };
    gd_head_choice choice;
    gd_status rc = gd_head_choose(&choice, options, &from, err);

    if (!rc && !options->graph && (!options->head || strcmp(options->head, "auto") == 0))
        rc = gd_head_check_merged(&choice, &from, err);
    if (!rc)
        rc = gd_plan_make_with_head(&s->plan, s->config, options->graph, choice.head.text ? &choice.head : NULL,
                                    operand, err);
    gd_head_choice_free(&choice);
    return rc;
}

static bool has_rows(const gd_plan *plan)
{
    bool rows = false;

    for (size_t i = 0; i < plan->step_count; i++)
        rows |= plan->steps[i].w[0].rows != NULL;
    return rows;
}

/* Whatever a head is made of must be there, also rows of tokens. */
static gd_status make_head(struct source *s, gd_error *err)
{
    const gd_merge_source from = source_of(s);
    gd_head_parts parts = { .plan = s->plan, .weights = s->weights, .dir = s->dir, .adapter_dir = s->adapter_dir };
    gd_tokenizer *tokenizer = NULL;
    gd_choice choice;
    gd_status rc = GD_OK;

    if (has_rows(s->plan))
        rc = gd_merge_choose(&choice, &from, err);
    if (!rc && has_rows(s->plan))
        rc = gd_tokenizer_open_beside(&tokenizer, choice.tokenizer, choice.beside, err);
    parts.tokenizer = tokenizer;
    if (!rc)
        rc = gd_head_make(&s->made, &parts, err);
    gd_tokenizer_close(tokenizer);
    return rc ? rc : gd_head_check_adapter(s->plan, s->adapter, s->made.count > 0, err);
}

/* A head's file of its own stays one, unless the adapter's head has replaced what it holds. */
static gd_status copy_head(gd_newdir *out, const struct source *s, gd_error *err)
{
    const char *name = s->made.file ? strrchr(s->made.file, '/') : NULL;

    return name && !s->head.view ? gd_newdir_copy(out, name + 1, s->made.file, err) : GD_OK;
}

/* ---- all of it ---- */

static gd_status open_source(struct source *s, const gd_options *options, const char *output, gd_error *err)
{
    gd_dtype operand;
    gd_status rc = gd_options_dirs(options, &s->dir, &s->adapter_dir, err);

    if (!rc)
        rc = gd_options_check_dirs(s->dir, s->adapter_dir, err);
    if (!rc)
        rc = check_other(output, s->dir, "model", err);
    if (!rc)
        rc = check_other(output, s->adapter_dir, "adapter", err);
    if (!rc)
        rc = gd_options_operand(options, &operand, err);
    if (!rc)
        rc = list_files(&s->files, s, options, err);
    if (!rc)
        rc = gd_config_open(&s->config, s->dir, err);
    if (!rc)
        rc = gd_weights_open(&s->weights, s->dir, err);
    if (!rc)
        rc = make_plan(s, options, operand, err);
    if (!rc)
        rc = gd_settle_weights(s->weights, s->plan, err);
    if (!rc)
        rc = gd_adapter_open(&s->adapter, s->adapter_dir, s->plan->head, err);
    if (!rc)
        rc = gd_settle_adapter(s->adapter, s->plan, err);
    if (!rc)
        rc = gd_head_open(&s->head, s->weights, s->adapter, s->plan->head, err);
    if (!rc)
        rc = make_head(s, err);
    return rc ? rc : check_model(s, err);
}

/* Small files first, so that a fault in them is found before the long work; config.json last, since a directory without
 * it is not taken for a model. */
static gd_status write_files(gd_newdir *out, const struct source *s, const gd_merge_parts *parts, gd_error *err)
{
    const gd_merge_source from = source_of(s);
    gd_buf config = { 0 };
    gd_status rc = gd_merge_config(&config, &from, NULL, err);

    if (!rc)
        rc = gd_merge_tokenizer(out, &from, err);
    if (!rc)
        rc = gd_merge_settings(out, &from, err);
    if (!rc)
        rc = copy_head(out, s, err);
    if (!rc)
        rc = gd_merge_write(out, parts, err);
    if (!rc)
        rc = gd_newdir_put(out, "config.json", config.data, config.len, err);
    gd_buf_free(&config);
    return rc;
}

/* Writes what the files held while they did not change. */
static gd_status write_output(gd_newdir *out, const struct source *s, const gd_options *options,
                              const gd_merge_parts *parts, gd_error *err)
{
    gd_error why = { 0 }; /* "Bad address" if a file was cut short, which says less than the check of it */
    gd_status rc, changed;

    gd_guard_enter();
    rc = write_files(out, s, parts, &why);
    gd_guard_leave();
    changed = gd_weights_unchanged(s->weights, err);
    if (!changed)
        changed = gd_adapter_unchanged(s->adapter, err);
    if (!changed && !rc)
        changed = files_unchanged(s, options, err);
    if (changed || rc)
        return changed ? changed : gd_fail(err, rc, "%s", why.text);
    return gd_newdir_keep(out, err);
}

gd_status gd_merge_sharded(const gd_options *options, const char *output, uint64_t shard_bytes,
                           const gd_progress *progress, gd_error *err)
{
    struct source s = { 0 };
    gd_newdir *out = NULL;
    gd_options own;
    gd_progress watch;
    gd_status rc = gd_options_read(&own, options, err);

    if (!rc)
        rc = gd_progress_read(&watch, progress, err);
    if (!rc)
        rc = check_arguments(&own, output, err);
    if (!rc)
        rc = open_source(&s, &own, output, err);
    if (!rc)
        rc = gd_newdir_open(&out, output, err);
    if (!rc) {
        const gd_plan_weight *bias = gd_plan_head_bias(s.plan);
        const gd_merge_parts parts = {
            .weights = s.weights,
            .adapter = s.adapter,
            .head = s.plan->head,
            .head_bias = bias ? bias->name : NULL,
            .keeps_output = s.plan->head_of != NULL,
            .threads = own.threads ? own.threads : gd_cpu_count(),
            .shard_bytes = shard_bytes,
            .progress = watch.report ? &watch : NULL,
        };

        rc = write_output(out, &s, &own, &parts, err);
    }
    gd_newdir_close(out);
    close_source(&s);
    return rc;
}

gd_status gd_merge(const gd_options *options, const char *output, const gd_progress *progress, gd_error *err)
{
    return gd_merge_sharded(options, output, 0, progress, err);
}
