/* crosscheck_page.c - gd_crosscheck_page(): makes a page of a result of gd_crosscheck().
 *
 * Of "details" it reads guerdon (the version), input, failed and failures (as in a result of gd_eval()); of a text in
 * "worst", also excerpt, a part of the text. */
#include "cross/crosscheck_parts.h"
#include "page/page.h"

#include <math.h>
#include <string.h>

enum {
    STAGES_MOST = 512,
    OPERATIONS_MOST = 24,
    WORST_MOST = 20,
    WORST_OPEN = 3, /* of these, shown without a click */
};

/* ---- the head of the page ---- */

static bool same_text(const json_t *a, const json_t *b, const char *key)
{
    const char *left = gd_get_text(a, key), *right = gd_get_text(b, key);

    return left == right || (left && right && !strcmp(left, right));
}

static void side_row(gd_buf *b, const char *name, const json_t *side)
{
    if (!json_is_object(side))
        return;
    gd_html_row(b, name);
    gd_page_text(b, side, "name", "unknown");
    if (json_is_true(gd_get_part(side, "saved")))
        gd_buf_str(b, ", from a file");
    gd_html_row_end(b);
}

/* One row where both have the same, or no right side is there. */
static void files_rows(gd_buf *b, const json_t *root, const char *key, const char *const names[3])
{
    const json_t *left = gd_get_part(root, "left"), *right = gd_get_part(root, "right");

    if (!json_is_object(right) || same_text(left, right, key)) {
        if (gd_get_text(left, key))
            gd_page_text_row(b, names[0], left, key, "");
        return;
    }
    gd_page_text_row(b, names[1], left, key, "none");
    gd_page_text_row(b, names[2], right, key, "none");
}

static void page_head(gd_buf *b, const json_t *root)
{
    static const char *const models[] = { "Model", "Model, left", "Model, right" };
    static const char *const adapters[] = { "Adapter", "Adapter, left", "Adapter, right" };
    const json_t *details = gd_get_part(root, "details");

    gd_html_begin(b, gd_crosscheck_heading(root));
    gd_buf_str(b, "<p><strong>");
    gd_page_text(b, root, "sentence", "");
    gd_buf_str(b, "</strong></p>\n");
    gd_html_words(b);
    side_row(b, "Left", gd_get_part(root, "left"));
    side_row(b, "Right", gd_get_part(root, "right"));
    files_rows(b, root, "model", models);
    files_rows(b, root, "adapter", adapters);
    gd_page_number_row(b, "Items", root, "items", 0);
    gd_page_number_row(b, "Texts", root, "texts", 0);
    gd_page_number_row(b, "Rows computed", root, "rows", 0);
    gd_page_number_row(b, "Steps of the model", root, "steps", 0);
    if (gd_get_real(root, "checked") > 0)
        gd_page_number_row(b, "Rows compared with float64", root, "checked", 0);
    if (gd_get_real(root, "failed") > 0)
        gd_page_number_row(b, "Items that were left out", root, "failed", 0);
    gd_html_words_end(b);
    gd_buf_str(b, "<p class=\"soft\">");
    if (gd_get_text(details, "input")) {
        gd_buf_str(b, "on ");
        gd_page_text(b, details, "input", "");
        gd_buf_str(b, ", ");
    }
    gd_buf_str(b, "by guerdon ");
    gd_page_text(b, details, "guerdon", "of an unknown version");
    gd_buf_str(b, "</p>\n");
}

/* ---- drift ---- */

static void drift_chart(gd_buf *b, const json_t *layers)
{
    double x[STAGES_MOST], drift[STAGES_MOST], limit[STAGES_MOST];
    const size_t count = gd_page_column(drift, STAGES_MOST, layers, "drift");
    const gd_series series[] = { { "drift", x, drift, count }, { "limit", x, limit, count } };
    const gd_chart chart = { .title = "Drift by stage of the model",
                             .x_label = "stage",
                             .y_label = "drift",
                             .series = series,
                             .series_count = 2,
                             .log_y = true,
                             .steps = true };

    (void)gd_page_column(limit, STAGES_MOST, layers, "limit");
    for (size_t i = 0; i < count; i++)
        x[i] = (double)i;
    gd_page_chart(b, &chart);
}

static void drift_table(gd_buf *b, const json_t *layers)
{
    const json_t *one;
    gd_html_table table;
    size_t i;

    gd_buf_str(b, "<details class=\"half\"><summary>The figures</summary>\n");
    table = gd_html_table_begin(b, "stage||drift|limit");
    json_array_foreach(layers, i, one) {
        const char *name = gd_get_text(one, "name");

        if (i == STAGES_MOST)
            break;
        gd_html_cell(b, &table, name ? name : "unknown");
        gd_html_cell_number(b, &table, (double)i, 0);
        gd_page_small_cell(b, &table, gd_get_real(one, "drift"));
        gd_page_small_cell(b, &table, gd_get_real(one, "limit"));
    }
    gd_html_table_end(b, &table);
    gd_buf_str(b, "</details>\n");
}

static bool has_drift(const json_t *layers)
{
    const json_t *one;
    size_t i;

    json_array_foreach(layers, i, one)
        if (gd_get_real(one, "drift") > 0)
            return true;
    return false;
}

static void drift_section(gd_buf *b, const json_t *root)
{
    const json_t *layers = gd_get_part(root, "layers");

    if (!has_drift(layers))
        return;
    gd_html_section(
        b, "How far the sides drift apart",
        "After each stage of the model (the embedding, each layer, the head), the root mean square of right "
        "minus left, as a part of that of left. Rounding adds up from layer to layer; a leap at one of them "
        "is worth a look. The axis is logarithmic.");
    drift_chart(b, layers);
    drift_table(b, layers);
    gd_html_section_end(b);
}

/* ---- errors ---- */

static const char *const sides[] = { "left", "right" };

static void errors_chart(gd_buf *b, const json_t *operations)
{
    char names[2 * OPERATIONS_MOST][GD_PAGE_LABEL];
    gd_chart_row rows[2 * OPERATIONS_MOST];
    gd_chart_rows chart = { .title = "Largest error, as a part of its bound", .x_label = "of the bound", .rows = rows };
    const json_t *one;
    size_t i;

    chart.top = 1.1;
    chart.mark = 1;
    json_array_foreach(operations, i, one) {
        if (i == OPERATIONS_MOST)
            break;
        for (size_t s = 0; s < 2; s++) {
            const double worst = gd_get_real(gd_get_part(one, sides[s]), "worst");
            const char *op = gd_get_text(one, "op");
            gd_buf name = { 0 };

            gd_buf_str(&name, op ? op : "unknown");
            gd_buf_str(&name, ", ");
            gd_buf_str(&name, sides[s]);
            gd_page_label(b, names[chart.count], &name);
            rows[chart.count] = (gd_chart_row){ names[chart.count], NULL, worst, NAN, NAN };
            chart.top = worst > chart.top ? worst * 1.05 : chart.top;
            chart.count++;
        }
    }
    gd_page_chart_rows(b, &chart);
}

static void errors_table(gd_buf *b, const json_t *operations)
{
    gd_html_table table = gd_html_table_begin(b, "step|left, largest|right, largest|left, rms|right, rms");
    const json_t *one;
    size_t i;

    json_array_foreach(operations, i, one) {
        const char *op = gd_get_text(one, "op");

        if (i == OPERATIONS_MOST)
            break;
        gd_html_cell(b, &table, op ? op : "unknown");
        for (size_t s = 0; s < 2; s++)
            gd_page_small_cell(b, &table, gd_get_real(gd_get_part(one, sides[s]), "worst"));
        for (size_t s = 0; s < 2; s++)
            gd_page_small_cell(b, &table, gd_get_real(gd_get_part(one, sides[s]), "error"));
    }
    gd_html_table_end(b, &table);
}

static void errors_section(gd_buf *b, const json_t *root)
{
    const json_t *operations = gd_get_part(root, "operations");

    if (!json_array_size(operations))
        return;
    gd_html_section(
        b, "Each side against float64",
        "Each step of the sampled rows, computed in float64 from the inputs that it really had. The bound "
        "follows from the arithmetic, whatever the values: an error beyond the dotted line, at 1, is a fault "
        "and no rounding. Most errors are far below it, since they cancel each other; a step that rounds once, as add "
        "does, may reach it. The rounding of a result to bf16 is left out of the fraction, but not of rms, the root "
        "mean square of the errors as a part of that of the values.");
    errors_chart(b, operations);
    errors_table(b, operations);
    gd_html_section_end(b);
}

/* ---- scores ---- */

static void scores_words(gd_buf *b, const json_t *root)
{
    const json_t *scores = gd_get_part(root, "scores"), *pairs = gd_get_part(root, "pairs");

    gd_html_words(b);
    gd_page_number_row(b, "Scores", scores, "count", 0);
    gd_page_number_row(b, "Scores with the same bits", scores, "identical", 0);
    gd_page_small_row(b, "Absolute difference, mean", scores, "mean_difference");
    gd_page_small_row(b, "Absolute difference, largest", scores, "largest_difference");
    if (isfinite(gd_get_real(scores, "beyond")))
        gd_page_number_row(b, "Differences beyond their limits", scores, "beyond", 0);
    if (gd_get_real(pairs, "pairs") > 0) {
        gd_page_number_row(b, "Pairs", pairs, "pairs", 0);
        gd_page_number_row(b, "Flips: pairs that the sides judge differently", pairs, "flips", 0);
        gd_page_number_row(b, "Flips that rounding does not explain", pairs, "beyond", 0);
    }
    gd_html_words_end(b);
}

static void worst_chart(gd_buf *b, const json_t *worst)
{
    double x[WORST_MOST], difference[WORST_MOST], limit[WORST_MOST];
    const size_t count = gd_page_column(difference, WORST_MOST, worst, "difference");
    const gd_series series[] = { { "difference", x, difference, count }, { "limit", x, limit, count } };
    const gd_chart chart = { .title = "The largest differences of scores, without their signs",
                             .x_label = "text, in the order of the table",
                             .y_label = "difference",
                             .series = series,
                             .series_count = 2,
                             .log_y = true,
                             .steps = true };

    (void)gd_page_column(limit, WORST_MOST, worst, "limit");
    for (size_t i = 0; i < count; i++) {
        x[i] = (double)(i + 1);
        difference[i] = fabs(difference[i]);
    }
    gd_page_chart(b, &chart);
}

static void scores_section(gd_buf *b, const json_t *root)
{
    const json_t *worst = gd_get_part(root, "worst");

    if (!(gd_get_real(gd_get_part(root, "scores"), "count") > 0))
        return;
    gd_html_section(
        b, "Scores",
        "Right minus left. The limit of a difference is what the rounding of both sides may do to the score "
        "of such a text.");
    scores_words(b, root);
    if (json_array_size(worst) > 1)
        worst_chart(b, worst);
    gd_html_section_end(b);
}

/* ---- texts to read ---- */

static void worst_table(gd_buf *b, const json_t *worst)
{
    gd_html_table table = gd_html_table_begin(b, "item|text|left|right|difference|limit");
    const json_t *one;
    size_t i;

    json_array_foreach(worst, i, one) {
        if (i == WORST_MOST)
            break;
        gd_html_cell_number(b, &table, gd_get_real(one, "item"), 0);
        gd_html_cell_number(b, &table, gd_get_real(one, "text"), 0);
        gd_html_cell_number(b, &table, gd_get_real(one, "left"), 6);
        gd_html_cell_number(b, &table, gd_get_real(one, "right"), 6);
        gd_page_small_cell(b, &table, gd_get_real(one, "difference"));
        gd_page_small_cell(b, &table, gd_get_real(one, "limit"));
    }
    gd_html_table_end(b, &table);
}

static void worst_text(gd_buf *b, const json_t *one, bool open)
{
    gd_buf_str(b, open ? "<details open=\"\"><summary>item " : "<details><summary>item ");
    gd_buf_fixed(b, gd_get_real(one, "item"), 0);
    gd_buf_str(b, ", text ");
    gd_buf_fixed(b, gd_get_real(one, "text"), 0);
    gd_buf_str(b, ": difference ");
    gd_page_small(b, gd_get_real(one, "difference"), "unknown");
    gd_buf_str(b, "</summary>\n<pre>");
    gd_page_text(b, one, "excerpt", "");
    gd_buf_str(b, "</pre></details>\n");
}

static void worst_section(gd_buf *b, const json_t *root)
{
    const json_t *worst = gd_get_part(root, "worst"), *one;
    size_t i;

    if (!json_array_size(worst))
        return;
    gd_buf_str(b,
               "<section>\n<h2>The texts whose scores differ most</h2>\n<p>Items, and the texts of each, count from 0. "
               "Is there something that they have in common: their length, their language, strange characters?</p>\n");
    worst_table(b, worst);
    json_array_foreach(worst, i, one) {
        if (i == WORST_MOST)
            break;
        if (gd_get_text(one, "excerpt"))
            worst_text(b, one, i < WORST_OPEN);
    }
    gd_buf_str(b, "</section>\n");
}

static void put_page(gd_buf *b, const json_t *root)
{
    page_head(b, root);
    gd_crosscheck_first(b, root);
    drift_section(b, root);
    errors_section(b, root);
    scores_section(b, root);
    worst_section(b, root);
    gd_crosscheck_advice(b, root);
    gd_page_failures(b, root, "Items that could not be read");
    gd_html_end(b);
}

gd_status gd_crosscheck_page(const char *json, char **html, gd_error *err)
{
    return gd_page_make(html, json, "guerdon-crosscheck/1", put_page, err);
}
