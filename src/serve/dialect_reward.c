/* dialect_reward.c - POST /v1/reward, Guerdon's own: records as in files, a result or an error for each. */
#include "serve/dialect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the request ---- */

static const char *const known[] = { "items", "truncate", "max_length", "adapter", "model", "user", "request_id" };

/* A typing mistake must not change what is scored. */
static bool check_fields(sv_exchange *x)
{
    const char *key;
    json_t *value;

    json_object_foreach(x->body, key, value) {
        size_t i = 0;

        while (i < sizeof known / sizeof known[0] && strcmp(key, known[i]) != 0)
            i++;
        if (i == sizeof known / sizeof known[0])
            return sv_refuse(x, 400,
                             "the field \"%.60s\" is not known; items, truncate, max_length and adapter are expected",
                             key);
    }
    return true;
}

static bool read_adapter(sv_exchange *x)
{
    const char *name = NULL;

    if (!sv_name(x, "adapter", &name) || !sv_read_model(x))
        return false;
    if (!name || sv_find_adapter(x, name, &x->adapter))
        return true;
    return sv_refuse(x, 404, "the adapter \"%.200s\" is not served here; GET /v1/models lists those that are", name);
}

static bool read_how(sv_exchange *x, gd_item *like)
{
    static const char *const ways[] = { "error", "left", "right", "drop", "oldest-turns", NULL };
    int64_t most = 0;

    if (!sv_one_of(x, "truncate", ways, &like->truncate) ||
        !sv_whole(x, "max_length", 1, (int64_t)x->info->max_length, &most))
        return false;
    like->max_length = (size_t)most;
    return read_adapter(x);
}

/* {"ids":[..]}: token ids in place of a record. */
static bool read_ids(sv_exchange *x, const json_t *value, const char *name, gd_item *item)
{
    static const char *const texts[] = { "text",      "messages", "prompt",   "response",
                                         "responses", "chosen",   "rejected", "system" };
    gd_part *part = sv_alloc(x, 1, sizeof *part);

    if (!part)
        return sv_refuse_memory(x);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (gd_json_has(value, texts[i]))
            return sv_refuse(x, 400, "%s has \"ids\" and \"%s\", but only one of them is expected", name, texts[i]);
    if (!json_is_array(json_object_get(value, "ids")))
        return sv_refuse(x, 400, "%s: the field \"ids\" is %s, but a list of token ids is expected", name,
                         gd_json_type_name(json_object_get(value, "ids")));
    if (!sv_read_part(x, json_object_get(value, "ids"), name, part))
        return false;
    item->kind = GD_ITEM_TEXT;
    item->parts = part;
    item->part_count = 1;
    return true;
}

static bool read_item(sv_exchange *x, const json_t *value, const char *name, gd_item *item)
{
    return gd_json_has(value, "ids") ? read_ids(x, value, name, item) : sv_record(x, value, name, item);
}

static bool read_items(sv_exchange *x, const gd_item *like)
{
    const json_t *list;
    gd_item *items;

    if (!sv_list(x, "items", &list))
        return false;
    items = sv_items(x, json_array_size(list));
    if (!items)
        return false;
    for (size_t i = 0; i < x->items.count; i++) {
        const json_t *value = json_array_get(list, i);
        char name[40];

        (void)snprintf(name, sizeof name, "items[%zu]", i);
        items[i] = *like;
        if (!read_item(x, value, name, &items[i]))
            return false;
    }
    return true;
}

static bool read_body(sv_exchange *x)
{
    gd_item like = { 0 };

    return check_fields(x) && read_how(x, &like) && read_items(x, &like);
}

/* ---- the answer: each result as score and rank write it ---- */

static void put_float(gd_buf *out, const char *name, float value)
{
    gd_buf_printf(out, ",\"%s\":", name);
    gd_buf_json_float(out, value);
}

static void put_sizes(gd_buf *out, const char *name, const size_t *values, size_t count)
{
    gd_buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++)
        gd_buf_printf(out, "%s%zu", i ? "," : "", values[i]);
    gd_buf_str(out, "]");
}

/* Of answers: the margin of the two best, and so on. */
static bool put_ranking(sv_exchange *x, const gd_item_result *result)
{
    gd_ranking ranking;

    if (!sv_rank(x, result->scores, result->count, &ranking))
        return false;
    gd_buf_str(&x->answer, ",\"scores\":");
    gd_buf_json_floats(&x->answer, result->scores, result->count);
    put_sizes(&x->answer, "ranks", ranking.ranks, ranking.count);
    gd_buf_printf(&x->answer, ",\"best\":%zu", ranking.order[0]);
    put_float(&x->answer, "margin", ranking.margin);
    gd_buf_printf(&x->answer, ",\"ties\":%zu", ranking.ties);
    gd_ranking_free(&ranking);
    return true;
}

static bool put_scores(sv_exchange *x, const gd_item_result *result)
{
    const float *scores = result->scores;

    if (result->kind == GD_ITEM_ANSWERS)
        return put_ranking(x, result);
    if (result->kind == GD_ITEM_PAIR) {
        put_float(&x->answer, "chosen", scores[0]);
        put_float(&x->answer, "rejected", scores[1]);
        put_float(&x->answer, "margin", scores[0] - scores[1]);
    } else {
        put_float(&x->answer, "score", scores[0]);
    }
    return true;
}

static void put_steps(gd_buf *out, bool alone, const gd_item_result *result)
{
    if (!result->steps || !result->step_counts || !result->step_counts[0])
        return;
    gd_buf_str(out, alone ? ",\"steps\":" : ",\"steps\":[");
    for (size_t i = 0; i < result->count; i++) {
        gd_buf_str(out, i ? "," : "");
        gd_buf_json_floats(out, result->steps[i], result->step_counts[i]);
    }
    gd_buf_str(out, alone ? "" : "]");
}

static void put_text_labels(gd_buf *out, const gd_item_result *result, const float *labels)
{
    for (size_t i = 0; i < result->label_count; i++) {
        gd_buf_str(out, i ? "," : "{");
        sv_put_string(out, result->label_names[i]);
        gd_buf_str(out, ":");
        gd_buf_json_float(out, labels[i]);
    }
    gd_buf_str(out, "}");
}

static void put_labels(gd_buf *out, bool alone, const gd_item_result *result)
{
    if (!result->labels || !result->label_count)
        return;
    gd_buf_str(out, alone ? ",\"labels\":" : ",\"labels\":[");
    for (size_t i = 0; i < result->count; i++) {
        gd_buf_str(out, i ? "," : "");
        put_text_labels(out, result, result->labels + i * result->label_count);
    }
    gd_buf_str(out, alone ? "" : "]");
}

static const char *status_name(gd_status status)
{
    switch (status) {
    case GD_EUSAGE: return "GD_EUSAGE";
    case GD_EIO: return "GD_EIO";
    case GD_EFORMAT: return "GD_EFORMAT";
    case GD_EUNSUPPORTED: return "GD_EUNSUPPORTED";
    case GD_ETOOLONG: return "GD_ETOOLONG";
    case GD_ENOMEM: return "GD_ENOMEM";
    case GD_EINTERRUPTED: return "GD_EINTERRUPTED";
    case GD_EDEVICE: return "GD_EDEVICE";
    case GD_EBUSY: return "GD_EBUSY";
    default: return "GD_EITEM";
    }
}

static void put_error(gd_buf *out, gd_status status, const char *sentence)
{
    gd_buf_str(out, ",\"error\":");
    sv_put_string(out, sentence ? sentence : "the item could not be scored");
    gd_buf_printf(out, ",\"status\":\"%s\"", status_name(status));
}

/* The difference of two finite scores may be infinite, which JSON can't express. */
static bool all_finite(const gd_item_result *result)
{
    for (size_t i = 0; i < result->count; i++)
        if (!isfinite(result->scores[i]) || !isfinite(result->scores[0] - result->scores[i]))
            return false;
    return true;
}

static bool put_values(sv_exchange *x, const gd_item_result *result)
{
    const bool alone = result->kind == GD_ITEM_TEXT;

    if (!put_scores(x, result))
        return false;
    put_steps(&x->answer, alone, result);
    put_labels(&x->answer, alone, result);
    if (alone)
        gd_buf_printf(&x->answer, ",\"tokens\":%zu", result->tokens[0]);
    else
        put_sizes(&x->answer, "tokens", result->tokens, result->count);
    gd_buf_str(&x->answer, result->truncated ? ",\"truncated\":true" : "");
    return true;
}

static bool put_result(sv_exchange *x, size_t i)
{
    const gd_item_result *result = &x->items.results[i];

    gd_buf_printf(&x->answer, "%s{\"index\":%zu", i ? "," : "", i);
    if (result->status)
        put_error(&x->answer, result->status, result->error);
    else if (result->dropped)
        gd_buf_str(&x->answer, ",\"dropped\":true");
    else if (!all_finite(result))
        put_error(&x->answer, GD_EFORMAT, "the scores, or their differences, are not finite numbers");
    else if (!put_values(x, result))
        return false;
    gd_buf_str(&x->answer, "}");
    return true;
}

static void put_name(gd_buf *out, const char *name, const char *value)
{
    gd_buf_printf(out, ",\"%s\":", name);
    sv_put_string(out, value);
}

static void write_answer(sv_exchange *x)
{
    gd_buf_str(&x->answer, "{\"object\":\"reward\",\"model\":");
    sv_put_string(&x->answer, x->info->name);
    put_name(&x->answer, "adapter", sv_adapter_of(x)->name);
    put_name(&x->answer, "model_hash", x->info->model_hash);
    put_name(&x->answer, "adapter_hash", sv_adapter_of(x)->hash);
    gd_buf_str(&x->answer, ",\"results\":[");
    for (size_t i = 0; i < x->items.count; i++)
        if (!put_result(x, i))
            return;
    gd_buf_str(&x->answer, "]}");
}

const sv_dialect sv_reward = { "reward", 503, read_body, write_answer, sv_fail_openai };
