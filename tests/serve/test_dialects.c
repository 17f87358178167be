/* test_dialects.c - what clients send, and what they get: bodies to items, results to bodies, without a server.
 *
 * dialect_cases.def has requests as the clients of each program send them, the items that they stand for, results, and
 * the whole answer; bad_bodies.def what is refused, and in which words.  In both, ' stands for ". */
#include "tests/check.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "data/record.h"
#include "serve/dialect.h"

#include <inttypes.h>

/* The server's own dialects, which this test has no use for. */
const sv_dialect sv_health = { 0 }, sv_ping = { 0 }, sv_metrics = { 0 }, sv_models = { 0 }, sv_openapi = { 0 },
                 sv_front = { 0 };

static const sv_adapter adapters[] = { { "helpful", "a1", 1, 100 }, { "harmless", "a2", 2, 50 } };

/* A model whose tokens are t0, which is special, to t999; adapters have others, a0 to a999, b0 .. */
static gd_status token_of(const gd_model *model, size_t adapter, uint32_t id, gd_text *token, int *special,
                          gd_error *err)
{
    static char content[8];

    (void)model;
    if (id > 999)
        return gd_fail(err, GD_EUSAGE, "no token has the id %u: the largest is 999", id);
    *token = (gd_text){ content, (size_t)snprintf(content, sizeof content, "%c%u", "tab"[adapter], id) };
    if (special)
        *special = id == 0;
    return GD_OK;
}

static const sv_info info = { .name = "rm",
                              .adapters = adapters,
                              .adapter_count = 2,
                              .max_length = 100,
                              .max_items = 4,
                              .model_hash = "m0",
                              .version = "0.3.0",
                              .numerics = "exact",
                              .precision = "bf16",
                              .compute = "gpu",
                              .token = token_of,
                              .has_chat = true };

static const sv_dialect *find(const char *path, const char *method)
{
    for (size_t i = 0; i < sv_route_count; i++)
        if (!strcmp(sv_routes[i].path, path) && !strcmp(sv_routes[i].method, method))
            return sv_routes[i].dialect;
    fail_msg("no route %s %s", method, path);
    return NULL;
}

static char *quoted(const char *text)
{
    char *copy = gd_strdup(text);

    for (char *p = copy; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return copy;
}

/* ---- items in words: text 'a'; ids [1,2]; answers to user:'q': 'a' 'b' left max=5 plain ---- */

static void put_part(gd_buf *out, const gd_part *part)
{
    gd_buf_str(out, part->messages ? "" : part->ids ? "[" : "'");
    for (size_t i = 0; i < part->message_count; i++)
        gd_buf_printf(out, "%s%.*s:'%.*s'", i ? " " : "", (int)part->messages[i].role.len, part->messages[i].role.data,
                      (int)part->messages[i].content.len, part->messages[i].content.data);
    for (size_t i = 0; i < part->id_count; i++)
        gd_buf_printf(out, "%s%" PRIu32, i ? "," : "", part->ids[i]);
    gd_buf_bytes(out, part->text.data, part->text.len);
    gd_buf_str(out, part->messages ? "" : part->ids ? "]" : "'");
}

static void put_item(gd_buf *out, const gd_item *item, size_t adapter)
{
    static const char *const kinds[] = { "text", "pair", "answers", "record" };

    gd_buf_str(out, kinds[item->kind]);
    if (item->kind == GD_ITEM_RECORD)
        gd_buf_printf(out, " %.*s", (int)item->record.len, item->record.data);
    if (item->prompt) {
        gd_buf_str(out, " to ");
        put_part(out, item->prompt);
        gd_buf_str(out, ":");
    }
    for (size_t i = 0; i < item->part_count; i++) {
        gd_buf_str(out, " ");
        put_part(out, &item->parts[i]);
    }
    if (item->truncate)
        gd_buf_printf(out, " %s", item->truncate);
    if (item->max_length)
        gd_buf_printf(out, " max=%zu", item->max_length);
    if (adapter)
        gd_buf_printf(out, " adapter=%zu", adapter);
    gd_buf_str(out, item->plain ? " plain" : "");
    gd_buf_str(out, item->ids_only ? " ids" : "");
}

static void assert_items(const sv_exchange *x, const char *want)
{
    gd_buf out = { 0 };

    for (size_t i = 0; i < x->items.count; i++) {
        gd_buf_str(&out, i ? "; " : "");
        put_item(&out, &x->items.items[i], x->adapter);
    }
    assert_non_null(gd_buf_cstr(&out));
    for (size_t i = 0; i < out.len; i++)
        out.data[i] = out.data[i] == '"' ? '\'' : out.data[i];
    assert_string_equal(out.data, want);
    gd_buf_free(&out);
}

/* ---- results in words: "1.25/3, 0.5/4; !ETOOLONG the text..; cut 1/3; dropped; ids 7/8/9" ---- */

static void read_failure(gd_item_result *result, char *words)
{
    char *space = strchr(words, ' ');

    *space = '\0';
    result->status = !strcmp(words, "ETOOLONG") ? GD_ETOOLONG : GD_EFORMAT;
    result->error = gd_strdup(space + 1);
}

static void read_numbers(gd_item_result *result, char *words)
{
    char *save = NULL;

    result->scores = gd_alloc(8, sizeof *result->scores);
    result->tokens = gd_alloc(8, sizeof *result->tokens);
    for (char *w = strtok_r(words, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
        result->scores[result->count] = strtof(w, &w);
        result->tokens[result->count++] = strtoul(w + 1, NULL, 10);
    }
}

static void read_ids(gd_item_result *result, char *words)
{
    char *save = NULL;

    result->count = 1;
    result->tokens = gd_alloc_zero(1, sizeof *result->tokens);
    result->ids = gd_alloc(1, sizeof *result->ids);
    result->ids[0] = gd_alloc(8, sizeof *result->ids[0]);
    for (char *w = strtok_r(words, "/", &save); w; w = strtok_r(NULL, "/", &save))
        result->ids[0][result->tokens[0]++] = (uint32_t)strtoul(w, NULL, 10);
}

static void read_result(gd_item_result *result, char *words)
{
    while (*words == ' ')
        words++;
    if (*words == '!') {
        read_failure(result, words + 1);
    } else if (!strcmp(words, "dropped")) {
        result->dropped = 1;
    } else if (!strncmp(words, "ids", 3)) {
        read_ids(result, words + 3);
    } else {
        result->truncated = !strncmp(words, "cut ", 4);
        read_numbers(result, words + (result->truncated ? 4 : 0));
    }
}

/* As the library does: what a record is, its reader says, also of one that has an error. */
static void set_kind(gd_item_result *result, const gd_item *item)
{
    gd_record record = { 0 };
    gd_error why = { 0 }, err = { 0 };

    result->kind = item->kind;
    if (item->kind != GD_ITEM_RECORD)
        return;
    (void)gd_record_parse(&record, item->record, false, false, &why, &err);
    result->kind = record.kind;
    gd_record_free(&record);
}

static void fill_results(sv_exchange *x, const char *words)
{
    char *copy = gd_strdup(words), *save = NULL;
    size_t i = 0;

    for (char *w = strtok_r(copy, ";", &save); w; w = strtok_r(NULL, ";", &save)) {
        assert_true(i < x->items.count);
        set_kind(&x->items.results[i], &x->items.items[i]);
        read_result(&x->items.results[i++], w);
    }
    assert_int_equal(i, x->items.count);
    gd_free(copy);
}

/* ---- answers ---- */

/* Numbers that are others each time become #. */
static void hide(gd_buf *answer, const char *after, const char *digits)
{
    char *at = strstr(answer->data, after);
    size_t len;

    if (!at)
        return;
    at += strlen(after);
    len = strspn(at, digits);
    memmove(at + 1, at + len, strlen(at + len) + 1);
    *at = '#';
}

static void assert_answer(sv_exchange *x, int status, const char *want)
{
    static const char *const ids[] = { "classify-", "pool-", "score-", "rerank-", "embd-" };
    json_t *parsed = NULL;

    assert_non_null(gd_buf_cstr(&x->answer));
    assert_false(gd_json_parse(&parsed, x->answer.data, x->answer.len, "the answer", NULL) != GD_OK);
    json_decref(parsed);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        hide(&x->answer, ids[i], "0123456789abcdef");
    hide(&x->answer, "\"created\":", "0123456789");
    for (char *p = x->answer.data; *p; p++)
        *p = *p == '"' ? '\'' : *p;
    assert_string_equal(x->answer.data, want);
    assert_int_equal(x->status, status);
}

static void start(sv_exchange *x, const char *path, const char *body)
{
    char *json = body ? quoted(body) : NULL;
    gd_error err = { 0 };

    sv_exchange_init(x, &info, find(path, body ? "POST" : "GET"), path);
    if (json && gd_json_parse(&x->body, json, strlen(json), "the body", &err))
        fail_msg("%s", err.text);
    gd_free(json);
}

static const struct good {
    const char *path, *body, *items, *results, *answer;
} good[] = {
#define CASE(path, body, items, results, answer) { path, body, items, results, answer },
#include "tests/serve/dialect_cases.def"
#undef CASE
};

static void test_answers(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const uint64_t live = gd_mem_live();
        sv_exchange x;

        print_message("%s %s\n", good[i].path, good[i].body ? good[i].body : "");
        start(&x, good[i].path, good[i].body);
        if (!sv_read(&x))
            fail_msg("refused: %s", gd_buf_cstr(&x.answer));
        assert_items(&x, good[i].items);
        fill_results(&x, good[i].results);
        x.dialect->write(&x);
        assert_answer(&x, 200, good[i].answer);
        sv_exchange_free(&x);
        assert_int_equal(gd_mem_live(), live);
    }
}

/* ---- TEI's headers ---- */

static const char *header_of(const sv_exchange *x, const char *name)
{
    for (const sv_header *h = x->headers; h; h = h->next)
        if (!strcmp(h->name, name))
            return h->value;
    fail_msg("there is no header %s", name);
    return NULL;
}

/* From `before`, when the request came, to now. */
static void assert_whole(const sv_exchange *x, const char *name, double before)
{
    const char *got = header_of(x, name);

    assert_int_equal(strspn(got, "0123456789"), strlen(got));
    assert_in_range(strtoull(got, NULL, 10), 5000, (uint64_t)(1000 * (gd_clock() - before)));
}

static void check_headers(const char *path, const char *body, const char *results, const char *characters,
                          const char *tokens)
{
    const double before = gd_clock() - 5;
    sv_exchange x;

    start(&x, path, body);
    assert_true(x.dialect->read(&x));
    fill_results(&x, results);
    x.arrived = before;
    x.times = (gd_service_times){ .waiting = 0.0129, .tokenizing = 0.0008, .computing = 4.5 };
    x.dialect->write(&x);
    assert_int_equal(x.status, 200);
    assert_string_equal(header_of(&x, "x-compute-type"), "gpu");
    assert_string_equal(header_of(&x, "x-compute-characters"), characters);
    assert_string_equal(header_of(&x, "x-compute-tokens"), tokens);
    assert_string_equal(header_of(&x, "x-queue-time"), "12");
    assert_string_equal(header_of(&x, "x-tokenization-time"), "0");
    assert_string_equal(header_of(&x, "x-inference-time"), "4500");
    assert_whole(&x, "x-compute-time", before);
    assert_whole(&x, "x-total-time", before);
    sv_exchange_free(&x);
}

static void assert_no_headers(const char *path, const char *body, const char *results)
{
    sv_exchange x;

    start(&x, path, body);
    assert_true(x.dialect->read(&x));
    fill_results(&x, results);
    x.dialect->write(&x);
    assert_null(x.headers);
    sv_exchange_free(&x);
}

static void test_headers(void **unused)
{
    (void)unused;
    check_headers("/predict", "{'inputs':'a\xC3\xA9\xF0\x9F\x98\x80'}", "0/7", "3", "7");
    check_headers("/predict", "{'inputs':[['ab'],['q','abc']]}", "0/7; 0/9", "6", "16");
    check_headers("/predict", "{'inputs':[]}", "", "0", "0");
    check_headers("/rerank", "{'query':'what','texts':['a','bc']}", "1/5,2/6", "11", "11");
    assert_no_headers("/rerank", "{'query':'what','documents':['a','bc']}", "1/5,2/6");
    assert_no_headers("/rerank", "{'query':'what','texts':['a','bc']}", "!ETOOLONG the text is too long");
    assert_no_headers("/tokenize", "{'inputs':'a'}", "ids7");
    assert_no_headers("/classify", "{'input':'a'}", "1/5");
}

/* Where a body is read, but its results are wrong, the answer says so as well. */
static const struct failing {
    const char *path, *body, *results;
    int status;
    const char *answer;
} failing[] = {
#define FAILS(path, body, results, status, answer) { path, body, results, status, answer },
#include "tests/serve/failing_items.def"
#undef FAILS
};

static void test_failing_items(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof failing / sizeof failing[0]; i++) {
        sv_exchange x;

        print_message("%s %s\n", failing[i].path, failing[i].body);
        start(&x, failing[i].path, failing[i].body);
        assert_true(sv_read(&x));
        fill_results(&x, failing[i].results);
        x.dialect->write(&x);
        assert_answer(&x, failing[i].status, failing[i].answer);
        sv_exchange_free(&x);
    }
}

static const struct bad {
    const char *path, *body;
    int status;
    const char *answer;
} bad[] = {
#define BAD(path, body, status, answer) { path, body, status, answer },
#include "tests/serve/bad_bodies.def"
#undef BAD
};

static void test_bad_bodies(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const uint64_t live = gd_mem_live();
        sv_exchange x;

        print_message("%s %s\n", bad[i].path, bad[i].body);
        start(&x, bad[i].path, bad[i].body);
        assert_false(sv_read(&x));
        assert_answer(&x, bad[i].status, bad[i].answer);
        sv_exchange_free(&x);
        assert_int_equal(gd_mem_live(), live);
    }
}

/* Whichever allocation fails, of those in reading or of those in writing: the answer says so, or is whole, or the
 * server knows that it isn't; and nothing leaks.  False: none of them failed. */
static bool try_without_memory(const struct good *g, uint64_t reading, uint64_t writing)
{
    const uint64_t live = gd_mem_live();
    sv_exchange x;
    bool read, failed;

    start(&x, g->path, g->body);
    gd_mem_fail_from(reading);
    read = sv_read(&x);
    gd_mem_fail_from(0);
    if (read) {
        fill_results(&x, g->results);
        gd_mem_fail_from(writing);
        x.dialect->write(&x);
        gd_mem_fail_from(0);
    }
    failed = x.answer.failed || x.status != 200;
    assert_true(read || failed);
    if (!failed)
        assert_answer(&x, 200, g->answer);
    else if (!x.answer.failed)
        assert_true(x.status == 503 || x.status == 429); /* what the dialect's clients wait at */
    sv_exchange_free(&x);
    assert_int_equal(gd_mem_live(), live);
    return failed;
}

static void test_without_memory(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        for (uint64_t n = 1; try_without_memory(&good[i], n, 0); n++)
            assert_true(n < 100);
        for (uint64_t n = 1; try_without_memory(&good[i], 0, n); n++)
            assert_true(n < 100);
    }
}

/* ---- the document's examples ---- */

static char *read_document(void)
{
    const char *srcdir = getenv("srcdir");
    char path[TEST_PATH], *text = gd_alloc_zero(1 << 16, 1);
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/doc/serving-dialects.md", srcdir ? srcdir : ".");
    f = fopen(path, "r");
    assert_non_null(f);
    assert_in_range(fread(text, 1, (1 << 16) - 1, f), 1000, (1 << 16) - 2);
    assert_int_equal(fclose(f), 0);
    return text;
}

/* An example is indented, and ends with an empty line: "POST PATH", and a body. */
static void try_example(char *example)
{
    char *path = example + strlen("    POST "), *body = strchr(path, '\n'), *end = strstr(path, "\n\n");
    sv_info large = info;
    sv_exchange x;

    *body++ = '\0';
    *end = '\0';
    print_message("%s\n", path);
    large.max_length = 4096;
    start(&x, path, body);
    x.info = &large;
    if (!sv_read(&x))
        fail_msg("refused: %s", gd_buf_cstr(&x.answer));
    assert_true(x.items.count > 0);
    sv_exchange_free(&x);
}

static void test_document(void **unused)
{
    char *text = read_document(), *at = text;
    size_t examples = 0;

    (void)unused;
    while ((at = strstr(at, "    POST "))) {
        char *next = strstr(at, "\n\n") + 2;

        try_example(at);
        at = next;
        examples++;
    }
    assert_int_equal(examples, 17);
    gd_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),        cmocka_unit_test(test_failing_items), cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_without_memory), cmocka_unit_test(test_document),      cmocka_unit_test(test_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
