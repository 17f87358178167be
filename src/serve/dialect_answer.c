/* dialect_answer.c - takes scores from results, and writes what many answers have. */
#include "base/realmath.h"
#include "serve/dialect.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

float sv_sigmoid(float score) { return (float)(1.0 / (1.0 + gd_real_exp(-(double)score))); }

/* ---- scores ---- */

static bool check_result(sv_exchange *x, const char *name, size_t i)
{
    const gd_item_result *result = &x->items.results[i];
    const char *why = result->error ? result->error : "it has no score";

    if (result->status == GD_OK && !result->dropped)
        return true;
    if (result->dropped)
        why = "it has more tokens than are allowed, and the server drops such texts";
    if (x->items.count == 1)
        return sv_refuse(x, sv_item_status(result), "%s: %s", name, why);
    return sv_refuse(x, sv_item_status(result), "%s[%zu]: %s", name, i, why);
}

/* Appends the scores of an item. */
static bool take(sv_exchange *x, const gd_item_result *result, bool sigmoid, sv_scores *all)
{
    for (size_t i = 0; i < result->count; i++, all->count++) {
        if (!isfinite(result->scores[i]))
            return sv_refuse(x, 500, "the score of text %zu is not finite", all->count);
        all->scores[all->count] = sigmoid ? sv_sigmoid(result->scores[i]) : result->scores[i];
        all->tokens[all->count] = result->tokens[i];
        all->all_tokens += result->tokens[i];
    }
    return true;
}

bool sv_take_scores(sv_exchange *x, const char *name, bool sigmoid, sv_scores *all)
{
    size_t count = 0;

    *all = (sv_scores){ 0 };
    for (size_t i = 0; i < x->items.count; i++)
        count += x->items.results[i].count;
    all->scores = sv_alloc(x, count, sizeof *all->scores);
    all->tokens = sv_alloc(x, count, sizeof *all->tokens);
    if (!all->scores || !all->tokens)
        return sv_refuse_memory(x);
    for (size_t i = 0; i < x->items.count; i++)
        if (!check_result(x, name, i) || !take(x, &x->items.results[i], sigmoid, all))
            return false;
    return true;
}

bool sv_rank(sv_exchange *x, const float *scores, size_t count, gd_ranking *ranking)
{
    *ranking = (gd_ranking){ 0 };
    if (!gd_ranking_make(ranking, scores, count, NULL))
        return true;
    gd_ranking_free(ranking);
    return sv_refuse_memory(x);
}

/* ---- what many answers have ---- */

/* Another one each time: clients only print it. */
static uint64_t next_id(void)
{
    static atomic_uint_fast64_t last;
    struct timespec now;
    uint64_t id;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    id = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return (id << 12) ^ atomic_fetch_add(&last, 1);
}

void sv_put_head(sv_exchange *x, const char *prefix, const char *object, const char *model)
{
    gd_buf_printf(&x->answer, "\"id\":\"%s-%016" PRIx64 "\",\"object\":\"%s\",\"created\":%lld,\"model\":", prefix,
                  next_id(), object, (long long)time(NULL));
    sv_put_string(&x->answer, model);
}

void sv_put_usage(sv_exchange *x, size_t tokens)
{
    gd_buf_printf(&x->answer,
                  ",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu,\"completion_tokens\":0,"
                  "\"prompt_tokens_details\":null}",
                  tokens, tokens);
}

void sv_fail_detail(sv_exchange *x, int status, const char *sentence)
{
    (void)status;
    gd_buf_str(&x->answer, "{\"detail\":");
    sv_put_string(&x->answer, sentence);
    gd_buf_str(&x->answer, "}");
}

void sv_fail_sglang(sv_exchange *x, int status, const char *sentence)
{
    gd_buf_str(&x->answer, "{\"object\":\"error\",\"message\":");
    sv_put_string(&x->answer, sentence);
    gd_buf_printf(&x->answer, ",\"type\":\"%s\",\"param\":null,\"code\":%d}",
                  status >= 500 ? "InternalServerError" : "BadRequestError", status);
}
