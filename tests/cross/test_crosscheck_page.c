/* test_crosscheck_page.c - the page of a cross-check: each verdict, and results that nothing here has made. */
#include "tests/markup.h"

#include "base/buf.h"
#include "base/mem.h"

#define HEAD(verdict) "{\"format\":\"guerdon-crosscheck/1\",\"verdict\":\"" verdict "\",\"sentence\":\"It is so.\","
#define SIDE(isa, numerics, saved)                                                                                 \
    "{\"name\":\"cpu:" numerics ":" isa ":bf16\",\"backend\":\"cpu\",\"numerics\":\"" numerics "\",\"isa\":\"" isa \
    "\",\"precision\":\"bf16\",\"model\":\"base\",\"adapter\":\"lora\",\"saved\":" saved "},"
#define LEFT(isa, numerics, saved) "\"left\":" SIDE(isa, numerics, saved)
#define RIGHT(isa, numerics) "\"right\":" SIDE(isa, numerics, "false")
#define COUNTS "\"items\":16,\"texts\":32,\"rows\":2841,\"steps\":428,\"checked\":16,"
#define SCORES                                                             \
    "\"scores\":{\"count\":32,\"identical\":1,\"mean_difference\":0.0125," \
    "\"largest_difference\":0.05,\"beyond\":0},"                           \
    "\"pairs\":{\"pairs\":16,\"flips\":3,\"beyond\":1},"
#define LAYERS                                                      \
    "\"layers\":[{\"name\":\"embedding\",\"drift\":0,\"limit\":0}," \
    "{\"name\":\"layer 0\",\"drift\":1e-4,\"limit\":1e-2},"         \
    "{\"name\":\"layer 1\",\"drift\":1e-3,\"limit\":0.1},"          \
    "{\"name\":\"head\",\"drift\":2.5e-3,\"limit\":null}],"
#define OPERATIONS                                                                   \
    "\"operations\":[{\"op\":\"linear\",\"left\":{\"worst\":0.0125,\"error\":1e-7}," \
    "\"right\":{\"worst\":0.25,\"error\":2e-7}},"                                    \
    "{\"op\":\"add\",\"left\":{\"worst\":null,\"error\":null},"                      \
    "\"right\":{\"worst\":151,\"error\":0}}],"
#define FIRST(side, alone)                                                                 \
    "\"first\":{\"step\":47,\"name\":\"mlp.down_proj\",\"layer\":3,\"item\":2,\"text\":0," \
    "\"token\":17,\"tokens\":155,\"column\":5,\"last_column\":570,"                        \
    "\"left\":0.125,\"right\":0.25,\"float64\":0.126,\"bound\":0.01,"                      \
    "\"side\":" side ",\"rows\":812,\"alone\":" alone "},"
#define DETAILS                                                                  \
    "\"worst\":[{\"item\":4,\"text\":1,\"left\":1.5,\"right\":1.55,"             \
    "\"difference\":0.05,\"limit\":0.2,\"excerpt\":\"a <b> & c\"},"              \
    "{\"item\":9,\"text\":0,\"left\":1,\"right\":0.99,"                          \
    "\"difference\":-0.01,\"limit\":0.2}],"                                      \
    "\"details\":{\"guerdon\":\"9.9.9\",\"input\":\"pairs.jsonl\",\"failed\":1," \
    "\"failures\":[{\"error\":\"line 7: why\"}]}}"

static char *made(const char *json)
{
    char *page;

    assert_ok(gd_crosscheck_page(json, &page, test_err));
    assert_markup(page);
    assert_contains(page, "<strong>It is so.</strong>");
    assert_null(strstr(page, "nan"));
    assert_null(strstr(page, "http"));
    return page;
}

static void other_bits_within_bounds(void **state)
{
    char *page = made(HEAD("within") LEFT("avx2", "exact", "false") RIGHT("avx2", "tensor") COUNTS
                      "\"first\":null," LAYERS OPERATIONS SCORES DETAILS);

    (void)state;
    assert_contains(page, "<h1>Other bits, but only by rounding</h1>");
    assert_contains(page, "<th>Right</th><td>cpu:tensor:avx2:bf16</td>");
    assert_contains(page, "<th>Model</th><td>base</td>");
    assert_contains(page, "on pairs.jsonl, by guerdon 9.9.9");
    assert_int_equal(markup_count(page, "<svg"), 3); /* drift, errors, the largest differences */
    assert_int_equal(markup_count(page, "<circle"), 3 + 2 + 2 * 2);
    assert_contains(page, "<title>drift, stage 2: 1.00e-3</title>");
    assert_contains(page, "<title>linear, right: 0.2500</title>");
    assert_contains(page, "<td>layer 0</td><td>1</td><td>1.00e-4</td><td>0.0100</td>");
    assert_contains(page, "<td>linear</td><td>0.0125</td><td>0.250</td><td>1.00e-7</td><td>2.00e-7</td>");
    assert_contains(page, "<td>add</td><td></td><td>151</td><td></td><td>0</td>");
    assert_contains(page, "further apart than 0.100, twice the largest difference found here");
    assert_contains(page, "<td>4</td><td>1</td><td>1.500000</td><td>1.550000</td><td>0.0500</td><td>0.200</td>");
    assert_contains(page, "<pre>a &lt;b&gt; &amp; c</pre>");
    assert_int_equal(markup_count(page, "<details open"), 1); /* the other text has no excerpt */
    assert_contains(page, "line 7: why");
    assert_null(strstr(page, "Where it begins"));
    gd_string_free(page);
}

static void a_step_beyond_its_bound(void **state)
{
    char *page = made(HEAD("beyond") LEFT("avx2", "exact", "false") RIGHT("avx512", "fast")
                          COUNTS FIRST("\"right\"", "true") LAYERS OPERATIONS SCORES DETAILS);

    (void)state;
    assert_contains(page, "<th>Step</th><td>47: mlp.down_proj</td>");
    assert_contains(page, "<th>Token</th><td>17, 155 tokens in all</td>");
    assert_contains(page, "<th>Column</th><td>5, 570 is the last one that differs</td>");
    assert_contains(page, "<th>float64, from the same inputs</th><td>0.126</td>");
    assert_contains(page, "<th>Error, right</th><td>0.124, 12.4 times the bound</td>");
    assert_contains(page, "<th>Beyond its bound</th><td>right</td>");
    assert_contains(page, "<th>This text alone</th><td>differs, too</td>");
    assert_contains(page, "The right side is at fault");
    assert_contains(page, "--texts 2 --left cpu:exact:generic:bf16 --right cpu:exact:avx2:bf16</pre>");
    assert_contains(page, "--texts 2 --left cpu:exact:generic:bf16 --right cpu:fast:avx512:bf16</pre>");
    gd_string_free(page);
    page = made(HEAD("beyond") FIRST("null", "null") DETAILS);
    assert_contains(page, "they may compute different models");
    assert_null(strstr(page, "This text alone"));
    gd_string_free(page);
}

static void bits_that_should_be_equal(void **state)
{
    char *page = made(HEAD("different") LEFT("neon", "tensor", "true") RIGHT("generic", "tensor")
                          COUNTS FIRST("null", "false") SCORES DETAILS);

    (void)state;
    assert_contains(page, "<h1>Different: bits that should be equal are not</h1>");
    assert_contains(page, "<td>cpu:tensor:neon:bf16, from a file</td>");
    assert_contains(page, "<th>This text alone</th><td>does not differ</td>");
    assert_contains(page, "--left cpu:tensor:generic:bf16 --right cpu:tensor:neon:bf16</pre>");
    assert_null(strstr(page, "--right cpu:tensor:generic:bf16")); /* plain C needs no comparison with itself */
    assert_contains(page, "--save side.gdc --left cpu:tensor:neon:bf16</pre>");
    assert_contains(page, "memtest86+");
    gd_string_free(page);
}

static void equal_sides_have_nothing_to_show(void **state)
{
    char *page = made(HEAD(
        "equal") LEFT("avx2", "exact",
                      "false") "\"right\":{\"name\":\"cpu\",\"model\":\"merged\"}," COUNTS
                               "\"layers\":[{\"name\":\"embedding\",\"drift\":0,\"limit\":0}],\"scores\":{\"count\":32,"
                               "\"identical\":32,\"largest_difference\":0},\"worst\":[],\"operations\":[]}");

    (void)state;
    assert_contains(page, "<p>Nothing. ");
    assert_contains(page, "<th>Model, right</th><td>merged</td>");
    assert_contains(page, "<th>Adapter, right</th><td>none</td>");
    assert_int_equal(markup_count(page, "<svg"), 0);
    assert_int_equal(markup_count(page, "<h2>"), 2);
    gd_string_free(page);
    page = made(HEAD("saved") LEFT("avx2", "exact", "false") "\"right\":null," COUNTS "\"details\":{}}");
    assert_contains(page, "--against side.gdc</pre>");
    assert_null(strstr(page, "<th>Right</th>"));
    gd_string_free(page);
}

static void put_many(gd_buf *b, const char *key, const char *one, size_t count)
{
    gd_buf_printf(b, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        gd_buf_str(b, i ? "," : "");
        gd_buf_str(b, one);
    }
    gd_buf_str(b, "]");
}

/* Lists that are longer than those of any model are cut. */
static void long_lists_are_cut(void **state)
{
    gd_buf b = { 0 };
    char *page;

    (void)state;
    gd_buf_str(&b, HEAD("within") "\"scores\":{\"count\":1}");
    put_many(&b, "layers", "{\"name\":\"a layer\",\"drift\":1,\"limit\":2}", 2000);
    put_many(&b, "operations", "{\"op\":\"an op\",\"left\":{\"worst\":1},\"right\":{\"worst\":1}}", 500);
    put_many(&b, "worst", "{\"item\":3,\"text\":1,\"difference\":1,\"limit\":1,\"excerpt\":\"words\"}", 300);
    gd_buf_str(&b, "}");
    page = made(gd_buf_cstr(&b));
    assert_int_equal(markup_count(page, "<td>a layer</td>"), 512);
    assert_int_equal(markup_count(page, "<td>an op</td>"), 24);
    assert_int_equal(markup_count(page, "<pre>words</pre>"), 20);
    gd_string_free(page);
    gd_buf_free(&b);
}

static void the_page_survives_other_json(void **state)
{
#define ODD "{\"format\":\"guerdon-crosscheck/1\","
    static const char *const odd[] = {
        "{\"format\":\"guerdon-crosscheck/1\"}",
        ODD "\"verdict\":\"<script>\",\"sentence\":[],\"left\":3,\"right\":[],\"first\":\"x\",\"layers\":{},"
            "\"operations\":{\"op\":1},\"scores\":[],\"pairs\":1,\"worst\":{\"a\":1},\"details\":[]}",
        ODD
        "\"verdict\":\"beyond\",\"sentence\":\"</"
        "strong><script>\",\"left\":{\"name\":\"<script>\",\"isa\":\"<script>\","
        "\"numerics\":\"<script>\",\"precision\":\"\\\"<script>\"},\"right\":{},\"first\":{\"name\":\"<script>\","
        "\"side\":\"<script>\",\"step\":1e300,\"layer\":1e300,\"column\":-1e300,\"last_column\":1e300,\"left\":1e308,"
        "\"float64\":-1e308,\"bound\":5e-324,\"rows\":\"x\",\"alone\":3},\"details\":{\"input\":\"<script>\","
        "\"guerdon\":\"<script>\",\"failed\":1e300,\"failures\":[3,{\"error\":\"<script>\"},{}]}}",
        ODD
        "\"verdict\":\"within\",\"layers\":[1,null,{\"name\":3,\"drift\":\"x\"},{\"name\":\"<script>\",\"drift\":1e308,"
        "\"limit\":5e-324},{\"drift\":-1}],\"operations\":[7,{},{\"op\":\"<script>\",\"left\":{\"worst\":1e308},"
        "\"right\":"
        "{\"worst\":-5,\"error\":\"x\"}},{\"op\":\"a name that is much longer than that of any operation, to be left "
        "out\"}],\"scores\":{\"count\":1,\"largest_difference\":1e308},\"pairs\":{\"pairs\":1e300},\"worst\":[0,{},"
        "{\"item\":1e300,\"difference\":-1e308,\"limit\":0,\"excerpt\":\"<script>\"},{\"excerpt\":\"\\u0001\"}],"
        "\"details\":{\"failures\":[{},{\"error\":7}]}}",
        ODD "\"verdict\":\"different\"}",
        ODD "\"verdict\":\"equal\",\"left\":null}",
        ODD "\"verdict\":\"saved\",\"left\":{\"saved\":1}}",
        NULL,
    };
    static const char *const bad[] = { "", "[]", "{}", "{\"format\":\"guerdon-compare/1\"}", NULL };

    (void)state;
    assert_pages(gd_crosscheck_page, odd, bad);
}

static void any_allocation_may_fail(void **state)
{
    const uint64_t live = gd_mem_live();
    gd_status rc = GD_ENOMEM;
    uint64_t n;

    (void)state;
    for (n = 1; rc == GD_ENOMEM && n < 10000; n++) {
        gd_error err = { 0 };
        char *page = NULL;

        gd_mem_fail_from(n);
        rc = gd_crosscheck_page(HEAD("beyond") LEFT("avx2", "exact", "false") RIGHT("neon", "fast")
                                    COUNTS FIRST("\"left\"", "true") LAYERS OPERATIONS SCORES DETAILS,
                                &page, &err);
        gd_mem_fail_from(0);
        assert_true((rc == GD_OK || rc == GD_ENOMEM) && err.status == rc && (page != NULL) == (rc == GD_OK));
        gd_string_free(page);
        assert_true(gd_mem_live() == live);
    }
    assert_true(rc == GD_OK && n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_bits_within_bounds),  cmocka_unit_test(a_step_beyond_its_bound),
        cmocka_unit_test(bits_that_should_be_equal), cmocka_unit_test(equal_sides_have_nothing_to_show),
        cmocka_unit_test(long_lists_are_cut),        cmocka_unit_test(the_page_survives_other_json),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
