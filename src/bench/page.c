/* page.c - gd_bench_page(): the result of gd_bench() as a page. */
#include "bench/page.h"

#include "page/html.h"
#include "page/page.h"

#include <math.h>
#include <string.h>

enum { MOST = GD_BENCH_POINTS };

static const json_t *points_of(const json_t *root, const char *name)
{
    return gd_get_part(gd_get_part(root, name), "points");
}

static void cut_note(gd_buf *b, const json_t *curve)
{
    if (json_is_false(json_object_get(curve, "whole")))
        gd_buf_str(b, "<p class=\"soft\">There was no time for larger sizes in this run.</p>\n");
}

/* ---- peak and bandwidth ---- */

static void peak_table(gd_buf *b, const json_t *root)
{
    gd_html_table table = gd_html_table_begin(b, "instruction set|threads|GFLOP/s");
    const json_t *one;
    size_t i;

    json_array_foreach(gd_get_part(root, "peak"), i, one) {
        gd_html_cell(b, &table, gd_get_text(one, "isa"));
        gd_html_cell_number(b, &table, gd_get_real(one, "threads"), 0);
        gd_html_cell_number(b, &table, gd_get_real(one, "gflops"), 1);
    }
    gd_html_table_end(b, &table);
    table = gd_html_table_begin(b, "memory|threads|GB/s");
    json_array_foreach(gd_get_part(root, "bandwidth"), i, one) {
        for (int triad = 0; triad < 2; triad++) {
            gd_html_cell(b, &table, triad ? "triad a = b + c x" : "reading");
            gd_html_cell_number(b, &table, gd_get_real(one, "threads"), 0);
            gd_html_cell_number(b, &table, gd_get_real(one, triad ? "triad_gb_per_s" : "read_gb_per_s"), 1);
        }
    }
    gd_html_table_end(b, &table);
}

/* A group of bars for each instruction set: one thread, all threads. */
static void peak_chart(gd_buf *b, const json_t *root)
{
    const char *names[MOST];
    double few[MOST], many[MOST];
    size_t groups = 0, i;
    const json_t *one;
    gd_series series[] = { { .name = "one thread", .y = few }, { .name = "all threads", .y = many } };
    gd_chart chart = { .title = "Peak of the processor, registers only",
                       .y_label = "GFLOP/s",
                       .x_label = "instruction set",
                       .series = series,
                       .series_count = 2,
                       .category = names };

    json_array_foreach(gd_get_part(root, "peak"), i, one) {
        const char *name = gd_get_text(one, "isa");
        size_t g = 0;

        if (!name)
            continue;
        while (g < groups && strcmp(names[g], name) != 0)
            g++;
        if (g == MOST)
            break;
        if (g == groups) {
            names[groups++] = name;
            few[g] = many[g] = NAN;
        }
        *(gd_get_real(one, "threads") > 1 ? &many[g] : &few[g]) = gd_get_real(one, "gflops");
    }
    series[0].count = series[1].count = groups;
    if (groups)
        gd_page_chart(b, &chart);
}

static void limits_section(gd_buf *b, const json_t *root)
{
    gd_html_section(b, "What the machine can do",
                    "The yardsticks for everything below: fused multiply-adds on registers only, and memory larger "
                    "than the last-level cache. A multiply-add counts as two operations.");
    peak_chart(b, root);
    gd_buf_str(b, "<div>");
    peak_table(b, root);
    gd_buf_str(b, "</div>\n");
    gd_html_section_end(b);
}

/* ---- matrix products ---- */

struct product_lines {
    char names[GD_CHART_SERIES][GD_PAGE_LABEL];
    double m[GD_CHART_SERIES][MOST], part[GD_CHART_SERIES][MOST];
    gd_series series[GD_CHART_SERIES];
    size_t count;
};

static void size_name(gd_buf *b, const json_t *product)
{
    gd_buf_fixed(b, gd_get_real(product, "k"), 0);
    gd_buf_str(b, " \xe2\x86\x92 ");
    gd_buf_fixed(b, gd_get_real(product, "n"), 0);
}

/* Products of one size are adjacent: a line for each size. */
static void collect_products(gd_buf *b, struct product_lines *lines, const json_t *products)
{
    double n = NAN, k = NAN;
    const json_t *one;
    size_t i;

    json_array_foreach(products, i, one) {
        gd_series *s;

        if (gd_get_real(one, "n") != n || gd_get_real(one, "k") != k) {
            gd_buf name = { 0 };

            if (lines->count == GD_CHART_SERIES)
                return;
            n = gd_get_real(one, "n");
            k = gd_get_real(one, "k");
            size_name(&name, one);
            gd_page_label(b, lines->names[lines->count], &name);
            s = &lines->series[lines->count];
            *s = (gd_series){ lines->names[lines->count], lines->m[lines->count], lines->part[lines->count], 0 };
            lines->count++;
        }
        s = &lines->series[lines->count - 1];
        if (s->count == MOST)
            continue;
        lines->m[lines->count - 1][s->count] = gd_get_real(one, "m");
        lines->part[lines->count - 1][s->count++] = gd_get_real(one, "of_limit");
    }
}

static void product_table(gd_buf *b, const json_t *products)
{
    gd_html_table table = gd_html_table_begin(b, "size|rows|GFLOP/s|of peak|of limit");
    const json_t *one;
    size_t i;

    json_array_foreach(products, i, one) {
        gd_buf name = { 0 };

        size_name(&name, one);
        gd_html_cell(b, &table, gd_page_aside(b, &name));
        gd_buf_free(&name);
        gd_html_cell_number(b, &table, gd_get_real(one, "m"), 0);
        gd_html_cell_number(b, &table, gd_get_real(one, "gflops"), 1);
        gd_html_cell_number(b, &table, gd_get_real(one, "of_peak"), 2);
        gd_html_cell_number(b, &table, gd_get_real(one, "of_limit"), 2);
    }
    gd_html_table_end(b, &table);
}

/* The weights of each size. */
static void product_names(gd_buf *b, const json_t *products)
{
    const char *last = NULL;
    const json_t *one;
    size_t i;

    gd_buf_str(b, "<p class=\"soft\">");
    json_array_foreach(products, i, one) {
        const char *weights = gd_get_text(one, "weights");

        if (!weights || (last && !strcmp(last, weights)))
            continue;
        gd_buf_str(b, last ? "; " : "");
        size_name(b, one);
        gd_buf_str(b, ": ");
        gd_html_text(b, weights);
        last = weights;
    }
    gd_buf_str(b, "</p>\n");
}

static void matmul_section(gd_buf *b, const json_t *root)
{
    const json_t *matmul = gd_get_part(root, "matmul"), *products = gd_get_part(matmul, "products");
    struct product_lines lines = { .count = 0 };
    gd_chart chart = { .title = "Matrix products: fraction of the limit",
                       .x_label = "rows",
                       .y_label = "rate / limit",
                       .series = lines.series,
                       .log_x = true,
                       .mark_label = "the limit",
                       .mark_y = 1 };

    gd_html_section(b, "The model's matrix products",
                    "On their own, in the order of the layers, so that each weight is read from memory. The limit is "
                    "the smaller of the peak and what memory bandwidth allows. A small matrix may stay in a cache and "
                    "exceed it.");
    collect_products(b, &lines, products);
    chart.series_count = lines.count;
    if (lines.count)
        gd_page_chart(b, &chart);
    product_table(b, products);
    gd_html_section_end(b);
    product_names(b, products);
    cut_note(b, matmul);
}

/* ---- scoring ---- */

static void scoring_section(gd_buf *b, const json_t *root)
{
    static const gd_page_field fields[] = {
        { "tokens", "tokens", 0 },         { "rows", "rows computed", 0 }, { "seconds", "seconds", 3 },
        { "tokens_per_s", "tokens/s", 1 }, { "rows_per_s", "rows/s", 1 },  { "pairs_per_s", "pairs/s", 2 },
        { "linear_gflops", "GFLOP/s", 1 }, { "of_peak", "of peak", 2 },    { "spread", "spread", 2 },
    };
    const json_t *scoring = gd_get_part(root, "scoring"), *texts = gd_get_part(root, "texts");

    gd_html_section(b, "Scoring",
                    "From texts to scores, including the tokenizer. Both ways give the same scores. GFLOP/s and "
                    "fraction of the peak are those of the linear layers, over the whole time.");
    gd_page_two_columns(b, "|shared prefixes once|each text on its own", fields, sizeof fields / sizeof fields[0],
                        gd_get_part(scoring, "shared"), gd_get_part(scoring, "alone"));
    gd_html_section_end(b);
    gd_buf_str(b, "<p class=\"soft\">");
    gd_buf_fixed(b, gd_get_real(texts, "count"), 0);
    gd_buf_str(b, " texts: ");
    if (gd_get_text(texts, "from"))
        gd_html_text(b, gd_get_text(texts, "from"));
    gd_buf_str(b, ".</p>\n");
}

/* ---- curves ---- */

/* Rows per second at which the linear layers would run at their peak; NaN if unknown. */
static double rows_at_peak(const json_t *root)
{
    const json_t *alone = gd_get_part(gd_get_part(root, "scoring"), "alone");
    const double rate = gd_get_real(alone, "rows_per_s"), share = gd_get_real(alone, "of_peak");

    return rate / share;
}

/* A curve of rates, with its table. */
static void rate_section(gd_buf *b, const json_t *root, const char *name, const char *key, const gd_chart *labels,
                         const char *about)
{
    double x[MOST], y[MOST];
    const json_t *points = points_of(root, name);
    gd_series series = { .x = x, .y = y, .count = gd_page_column(x, MOST, points, key) };
    gd_chart chart = *labels;
    gd_html_table table;
    gd_buf heads = { 0 };

    (void)gd_page_column(y, MOST, points, "rows_per_s");
    chart.series = &series;
    chart.series_count = 1;
    chart.log_x = true;
    chart.mark_label = "linear layers at peak";
    chart.mark_y = rows_at_peak(root);
    gd_html_section(b, !strcmp(name, "batch") ? "Rate against batch size" : "Rate against text length", about);
    if (series.count)
        gd_page_chart(b, &chart);
    gd_buf_printf(&heads, "%s|rows|rows/s|spread", labels->x_label);
    table = gd_html_table_begin(b, gd_page_aside(b, &heads));
    for (size_t i = 0; i < series.count; i++) {
        const json_t *one = json_array_get(points, i);

        gd_html_cell_number(b, &table, x[i], 0);
        gd_html_cell_number(b, &table, gd_get_real(one, "rows"), 0);
        gd_html_cell_number(b, &table, y[i], 1);
        gd_html_cell_number(b, &table, gd_get_real(one, "spread"), 2);
    }
    gd_html_table_end(b, &table);
    gd_buf_free(&heads);
    gd_html_section_end(b);
    cut_note(b, gd_get_part(root, name));
}

static void length_fit(gd_buf *b, const json_t *root)
{
    const json_t *fit = gd_get_part(gd_get_part(root, "length"), "fit");

    if (!json_is_object(fit))
        return;
    if (!(gd_get_real(fit, "seconds_per_row") > 0) || !(gd_get_real(fit, "seconds_per_row_and_key") > 0)) {
        gd_buf_str(b, "<p>The runs varied too much, or the texts were too short, to find the cost of attention.</p>\n");
        return;
    }
    gd_buf_str(b, "<p>Fit: a row takes ");
    gd_buf_fixed(b, 1e6 * gd_get_real(fit, "seconds_per_row"), 1);
    gd_buf_str(b, " \xc2\xb5s, and ");
    gd_buf_fixed(b, 1e6 * gd_get_real(fit, "seconds_per_row_and_key"), 4);
    gd_buf_str(b, " \xc2\xb5s more for each key that it attends to: ");
    gd_buf_fixed(b, 100 * gd_get_real(fit, "attention_part_of_longest"), 1);
    gd_buf_str(b, " % of the time of the longest text here.</p>\n");
}

static void answers_rates(double rates[MOST], const json_t *points, const char *way)
{
    for (size_t i = 0; i < MOST; i++)
        rates[i] = gd_get_real(gd_get_part(json_array_get(points, i), way), "tokens_per_s");
}

static void answers_section(gd_buf *b, const json_t *root)
{
    double x[MOST], shared[MOST], alone[MOST];
    const json_t *answers = gd_get_part(root, "answers"), *points = points_of(root, "answers");
    const size_t count = gd_page_column(x, MOST, points, "answers");
    const gd_series series[] = {
        { "prompt computed once", x, shared, count },
        { "each answer with the whole prompt", x, alone, count },
    };
    const gd_chart chart = { .title = "Tokens scored against answers to one prompt",
                             .x_label = "answers",
                             .y_label = "tokens/s",
                             .series = series,
                             .series_count = 2,
                             .log_x = true };
    gd_html_table table;

    answers_rates(shared, points, "shared");
    answers_rates(alone, points, "alone");
    gd_html_section(b, "Many answers to one prompt",
                    "Best of N: the prompt is computed once for all its answers, or again for each answer. The ratio "
                    "of tokens to rows is the most that sharing can gain.");
    if (count)
        gd_page_chart(b, &chart);
    table = gd_html_table_begin(b, "answers|shared, s|separate, s|speed-up|tokens / rows|of that");
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(points, i);

        gd_html_cell_number(b, &table, x[i], 0);
        gd_html_cell_number(b, &table, gd_get_real(gd_get_part(one, "shared"), "seconds"), 3);
        gd_html_cell_number(b, &table, gd_get_real(gd_get_part(one, "alone"), "seconds"), 3);
        gd_html_cell_number(b, &table, gd_get_real(one, "speed_up"), 2);
        gd_html_cell_number(b, &table, gd_get_real(one, "tokens_per_row"), 2);
        gd_html_cell_number(b, &table, gd_get_real(one, "of_tokens_per_row"), 2);
    }
    gd_html_table_end(b, &table);
    gd_html_section_end(b);
    gd_buf_str(b, "<p class=\"soft\">A prompt of ");
    gd_buf_fixed(b, gd_get_real(answers, "prompt_tokens"), 0);
    gd_buf_str(b, " tokens, answers of ");
    gd_buf_fixed(b, gd_get_real(answers, "answer_tokens"), 0);
    gd_buf_str(b, ".</p>\n");
}

static void curve_sections(gd_buf *b, const json_t *root)
{
    const gd_chart batch = { .title = "Rows per second against batch tokens",
                             .x_label = "batch tokens",
                             .y_label = "rows/s" };
    const gd_chart length = { .title = "Rows per second against text length",
                              .x_label = "tokens per text",
                              .y_label = "rows/s" };

    if (json_is_object(gd_get_part(root, "batch")))
        rate_section(b, root, "batch", "batch_tokens", &batch,
                     "One batch of this many tokens (--batch-tokens), of texts that share nothing.");
    if (json_is_object(gd_get_part(root, "length")))
        rate_section(b, root, "length", "length", &length,
                     "Texts of equal length that share nothing. A row costs more with each key that it attends to.");
    length_fit(b, root);
    if (json_is_object(gd_get_part(root, "answers")))
        answers_section(b, root);
}

static void put_page(gd_buf *b, const json_t *root)
{
    gd_bench_page_head(b, root);
    if (json_array_size(gd_get_part(root, "peak")) || json_array_size(gd_get_part(root, "bandwidth")))
        limits_section(b, root);
    if (json_is_object(gd_get_part(root, "matmul")))
        matmul_section(b, root);
    if (json_is_object(gd_get_part(root, "scoring")))
        scoring_section(b, root);
    curve_sections(b, root);
    gd_bench_page_tail(b, root);
}

gd_status gd_bench_page(const char *json, char **html, gd_error *err)
{
    return gd_page_make(html, json, "guerdon-bench/1", put_page, err);
}
