/* fuzz_bodies.c - a body, as clients of every route send it: it is refused in a sentence or read; then its items get
 * results as the library would give them, and the answer is JSON whose status says whose fault it was. */
#include "tests/fuzz/fuzz.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "data/record.h"
#include "serve/dialect.h"

#include <math.h>

/* The server's own dialects, which read no body. */
const sv_dialect sv_health = { 0 }, sv_ping = { 0 }, sv_metrics = { 0 }, sv_models = { 0 }, sv_openapi = { 0 },
                 sv_front = { 0 };

static const sv_adapter adapters[] = { { "helpful", "a1", 1, 100 }, { "harmless", "a2", 2, 50 } };

/* The second and the third differ by more than a number can hold, and the last is none. */
static const float scores[] = { 1.25F, 3e38F, -3e38F, -0.5F, 20, 30, 0, 1.25F, INFINITY };
enum { SCORES = sizeof scores / sizeof *scores, IDS = 3, REFUSED_EVERY = 5, DROPPED_EVERY = 7 };

static void refuse(gd_item_result *result, const char *sentence)
{
    result->status = GD_EFORMAT;
    result->error = gd_strdup(sentence);
}

/* Every id is a token. */
static gd_status token_of(const gd_model *model, size_t adapter, uint32_t id, gd_text *token, int *special,
                          gd_error *err)
{
    (void)model, (void)adapter, (void)err;
    *token = (gd_text){ "token", 5 };
    if (special)
        *special = id == 0;
    return GD_OK;
}

/* Results of so many texts; `seed` chooses them.  True: a score is not finite. */
static bool fill(gd_item_result *result, size_t count, size_t seed)
{
    bool odd = false;

    result->count = count;
    result->scores = gd_alloc(count, sizeof *result->scores);
    result->tokens = gd_alloc(count, sizeof *result->tokens);
    for (size_t i = 0; i < count; i++) {
        result->scores[i] = scores[(seed + i) % SCORES];
        result->tokens[i] = IDS;
        odd |= !isfinite(result->scores[i]);
    }
    return odd;
}

static void fill_ids(gd_item_result *result)
{
    static const uint32_t ids[IDS] = { 0, 1, UINT32_MAX };

    result->count = 1;
    result->tokens = gd_alloc(1, sizeof *result->tokens);
    result->tokens[0] = IDS;
    result->ids = gd_alloc(1, sizeof *result->ids);
    result->ids[0] = gd_alloc(IDS, sizeof *result->ids[0]);
    memcpy(result->ids[0], ids, sizeof ids);
}

/* A record decides itself how many texts it has, if it can be read. */
static bool fill_record(gd_item_result *result, gd_text json, size_t seed)
{
    gd_record record = { 0 };
    gd_error why = { 0 }, err = { 0 };
    bool odd = false;

    assert_int_equal(gd_utf8_check(json.data, json.len), json.len);
    if (fuzz_accepted(gd_record_parse(&record, json, false, false, &why, &err), &why))
        odd = fill(result, record.count, seed), result->kind = record.kind;
    else
        refuse(result, why.text);
    gd_record_free(&record);
    return odd;
}

static bool fill_result(gd_item_result *result, const gd_item *item, size_t seed)
{
    if (item->kind == GD_ITEM_RECORD)
        return fill_record(result, item->record, seed);
    assert_true(item->part_count > 0 && item->parts);
    if (seed % REFUSED_EVERY == 0)
        refuse(result, "the text has no tokens");
    else if (seed % DROPPED_EVERY == 0)
        result->dropped = 1;
    else if (item->ids_only)
        fill_ids(result);
    else
        return fill(result, item->part_count, seed);
    return false;
}

/* What every answer is. */
static void check_answer(sv_exchange *x, bool odd)
{
    json_t *parsed = NULL;
    gd_error err = { 0 };

    assert_non_null(gd_buf_cstr(&x->answer));
    assert_false(x->answer.failed);
    assert_int_equal(gd_utf8_check(x->answer.data, x->answer.len), x->answer.len);
    if (gd_json_parse(&parsed, x->answer.data, x->answer.len, "the answer", &err))
        fail_msg("%s: %s\n%s", x->path, err.text, x->answer.data);
    assert_false(gd_json_has_odd(parsed));
    json_decref(parsed);
    if (x->status != 200 && x->status != 400 && x->status != 404 && x->status != 413 && x->status != 422)
        assert_true(odd && (x->status == 500 || x->status == 424));
}

static void try_route(const sv_info *info, const sv_route *route, const char *text, size_t size)
{
    gd_error err = { 0 };
    bool odd = false;
    sv_exchange x;

    sv_exchange_init(&x, info, route->dialect, route->path);
    if (gd_json_parse(&x.body, text, size, "the body", &err) || !json_is_object(x.body)) {
        sv_exchange_free(&x);
        return;
    }
    if (sv_read(&x)) {
        assert_int_equal(x.status, 200);
        for (size_t i = 0; i < x.items.count; i++)
            odd |= fill_result(&x.items.results[i], &x.items.items[i], size + i);
        route->dialect->write(&x);
    } else {
        assert_int_not_equal(x.status, 200);
    }
    check_answer(&x, odd);
    sv_exchange_free(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const sv_info info = { .name = "rm",
                           .adapters = adapters,
                           .adapter_count = size % 2 ? 2 : 0,
                           .max_length = 100,
                           .max_items = 8,
                           .model_hash = "m0",
                           .version = "0.0.0",
                           .numerics = "exact",
                           .precision = "bf16",
                           .compute = "cpu",
                           .token = token_of,
                           .has_chat = size % 3 != 0 };
    char *text = fuzz_text(data, size);

    for (size_t i = 0; i < sv_route_count; i++)
        if (sv_routes[i].dialect->read)
            try_route(&info, &sv_routes[i], text, size);
    free(text);
    return fuzz_end();
}
