/* eval_page.c - gd_eval_page(): makes a page of a result of gd_eval(). */
#include "page/html.h"
#include "page/page.h"

#include <math.h>

enum {
    BARS_MOST = 60,     /* in a chart; more would be unreadable */
    GROUPS_MOST = 1000, /* in the table */
    BINS_MOST = 32,
    WORST_MOST = 20,
    WORST_OPEN = 3, /* of these, shown without a click */
};

static void percent(gd_buf *b, double share) { gd_page_number(b, 100 * share, 1, "\xc2\xa0%", "none"); }

/* ---- the head of the page ---- */

static void accuracy_row(gd_buf *b, const json_t *root)
{
    gd_html_row(b, "Accuracy");
    percent(b, gd_get_real(root, "accuracy"));
    gd_buf_str(b, ", 95\xc2\xa0% interval ");
    percent(b, gd_get_real(root, "accuracy_low"));
    gd_buf_str(b, " to ");
    percent(b, gd_get_real(root, "accuracy_high"));
    gd_html_row_end(b);
}

/* Which texts the figures are about. */
static void texts_rows(gd_buf *b, const json_t *details)
{
    if (gd_get_text(details, "turns")) {
        gd_html_row(b, "Turns");
        gd_buf_str(
            b, "the user\xe2\x80\x99s and the assistant\xe2\x80\x99s of each prompt and answer, in the chat format ");
        gd_page_text(b, details, "turns", "");
        gd_html_row_end(b);
    }
    if (gd_get_real(details, "truncated") > 0)
        gd_page_number_row(b, "Lines with texts that were cut", details, "truncated", 0);
    if (gd_get_real(details, "dropped") > 0)
        gd_page_number_row(b, "Lines left out, since a text is too long", details, "dropped", 0);
}

static void page_head(gd_buf *b, const json_t *root)
{
    const json_t *details = gd_get_part(root, "details");

    gd_html_begin(b, "How well this model judges");
    gd_buf_str(b, "<p>");
    if (gd_get_text(details, "from_scores")) {
        gd_buf_str(b, "the scores in ");
        gd_page_text(b, details, "from_scores", "");
    } else {
        gd_page_text(b, details, "model", "a model");
    }
    if (gd_get_text(details, "adapter")) {
        gd_buf_str(b, " with ");
        gd_page_text(b, details, "adapter", "");
    }
    gd_buf_str(b, "</p>\n<p class=\"soft\">on ");
    gd_page_text(b, details, "input", "pairs");
    gd_buf_str(b, ", by guerdon ");
    gd_page_text(b, details, "guerdon", "of an unknown version");
    gd_buf_str(b, "</p>\n");
    gd_html_words(b);
    gd_page_number_row(b, "Pairs", root, "pairs", 0);
    accuracy_row(b, root);
    gd_page_number_row(b, "Ties, counted as wrong", root, "ties", 0);
    gd_page_number_row(b, "Margin, mean", root, "margin", 4);
    gd_page_number_row(b, "Loss, mean of \xe2\x88\x92log sigmoid(margin)", root, "loss", 4);
    gd_page_number_row(b, "Expected calibration error", root, "ece", 4);
    gd_page_number_row(b, "Brier score", root, "brier", 4);
    gd_page_number_row(b, "Scores, mean", gd_get_part(details, "calibration"), "mean", 4);
    gd_page_number_row(b, "Scores, standard deviation", gd_get_part(details, "calibration"), "std", 4);
    gd_page_number_row(b, "Lines without scores", details, "failed", 0);
    texts_rows(b, details);
    gd_html_words_end(b);
}

/* ---- accuracy by subset ---- */

static gd_chart_row bar_of(const char *name, const json_t *metrics)
{
    return (gd_chart_row){ name, NULL, gd_get_real(metrics, "accuracy"), gd_get_real(metrics, "accuracy_low"),
                           gd_get_real(metrics, "accuracy_high") };
}

static void groups_chart(gd_buf *b, const json_t *root)
{
    gd_chart_row rows[BARS_MOST + 1] = { bar_of("all", root) };
    gd_chart_rows chart = { .title = "Accuracy, with 95 % intervals",
                            .x_label = "accuracy",
                            .rows = rows,
                            .count = 1,
                            .mark = 0.5 };
    const char *name;
    json_t *metrics;

    json_object_foreach((json_t *)gd_get_part(root, "by"), name, metrics) {
        if (chart.count > BARS_MOST)
            break;
        rows[chart.count++] = bar_of(name, metrics);
    }
    gd_page_chart_rows(b, &chart);
}

static void groups_row(gd_buf *b, gd_html_table *table, const char *name, const json_t *metrics)
{
    static const struct {
        const char *key;
        unsigned decimals;
    } cells[] = { { "pairs", 0 },  { "accuracy", 4 }, { "accuracy_low", 4 }, { "accuracy_high", 4 }, { "ties", 0 },
                  { "margin", 4 }, { "loss", 4 },     { "ece", 4 },          { "brier", 4 } };

    gd_html_cell(b, table, name);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        gd_html_cell_number(b, table, gd_get_real(metrics, cells[i].key), cells[i].decimals);
}

static void groups_table(gd_buf *b, const json_t *root)
{
    gd_html_table table = gd_html_table_begin(b, "subset|pairs|accuracy|from|to|ties|margin|loss|ECE|Brier");
    size_t shown = 0;
    const char *name;
    json_t *metrics;

    groups_row(b, &table, "all", root);
    json_object_foreach((json_t *)gd_get_part(root, "by"), name, metrics) {
        if (shown++ == GROUPS_MOST)
            break;
        groups_row(b, &table, name, metrics);
    }
    gd_html_table_end(b, &table);
}

static void accuracy_section(gd_buf *b, const json_t *root)
{
    const size_t groups = json_object_size(gd_get_part(root, "by"));

    gd_html_section(b, "Accuracy",
                    "The fraction of pairs whose chosen text has the higher score; a tie is wrong. Whiskers are 95 % "
                    "bootstrap intervals; the dotted line is what tossing a coin would give.");
    groups_chart(b, root);
    gd_html_section_end(b);
    gd_buf_str(b, "<div class=\"wide\">");
    groups_table(b, root);
    gd_buf_str(b, "</div>\n");
    if (groups > BARS_MOST) {
        gd_buf_printf(b,
                      "<p class=\"soft\">%zu groups: the chart shows the first %d, the table at most the first %d. "
                      "The JSON result has all of them.</p>\n",
                      groups, BARS_MOST, GROUPS_MOST);
    }
}

static void sections_section(gd_buf *b, const json_t *root)
{
    const json_t *sections = gd_get_part(root, "sections");
    gd_chart_row rows[BARS_MOST + 1];
    gd_chart_rows chart = { .title = "Section scores", .x_label = "score", .rows = rows };
    const double overall = gd_get_real(root, "overall");
    const char *name;
    json_t *score;

    if (!json_object_size(sections))
        return;
    json_object_foreach((json_t *)sections, name, score) {
        if (chart.count == BARS_MOST)
            break;
        rows[chart.count++] = (gd_chart_row){ name, NULL, json_is_number(score) ? json_number_value(score) : NAN, NAN,
                                              NAN };
    }
    if (isfinite(overall))
        rows[chart.count++] = (gd_chart_row){ "overall", NULL, overall, NAN, NAN };
    gd_html_section(
        b, "Sections",
        gd_get_real(gd_get_part(root, "details"), "rewardbench") == 2
            ? "RewardBench 2: the mean credit of each subset; Ties has its own measure. Overall is their mean."
            : "Weighted means of the subsets; overall is the weighted mean of the sections, if none of "
              "them is missing.");
    gd_page_chart_rows(b, &chart);
    gd_html_section_end(b);
}

/* ---- margins and calibration ---- */

static void margins_section(gd_buf *b, const json_t *root)
{
    const json_t *margins = gd_get_part(gd_get_part(root, "details"), "margins");

    gd_html_section(b, "Margins",
                    "The chosen score minus the rejected one. Pairs that the model gets wrong are left of 0; ties are "
                    "in the column to the right of 0. The outermost columns also hold what lies beyond them, at most "
                    "half a percent of the pairs at either end.");
    gd_page_histogram(b, margins, "Pairs by margin", "margin", "pairs");
    gd_html_words(b);
    gd_page_number_row(b, "Smallest", margins, "least", 4);
    gd_page_number_row(b, "Mean", root, "margin", 4);
    gd_page_number_row(b, "Largest", margins, "most", 4);
    gd_html_words_end(b);
    gd_html_section_end(b);
}

static void reliability_table(gd_buf *b, const json_t *bins)
{
    gd_html_table table = gd_html_table_begin(b, "confidence|pairs|mean|right");
    const json_t *bin;
    size_t i;

    json_array_foreach(bins, i, bin) {
        gd_buf name = { 0 };

        if (i == BINS_MOST)
            break;
        gd_buf_fixed(&name, gd_get_real(bin, "from"), 2);
        gd_buf_str(&name, " to ");
        gd_buf_fixed(&name, gd_get_real(bin, "to"), 2);
        gd_html_cell(b, &table, gd_page_aside(b, &name));
        gd_buf_free(&name);
        gd_html_cell_number(b, &table, gd_get_real(bin, "pairs"), 0);
        gd_html_cell_number(b, &table, gd_get_real(bin, "confidence"), 4);
        gd_html_cell_number(b, &table, gd_get_real(bin, "right"), 4);
    }
    gd_html_table_end(b, &table);
}

static void calibration_section(gd_buf *b, const json_t *root)
{
    const json_t *bins = gd_get_part(gd_get_part(root, "details"), "reliability");
    double x[BINS_MOST], y[BINS_MOST], low[BINS_MOST], high[BINS_MOST];
    gd_points points = { .title = "Reliability",
                         .x_label = "confidence",
                         .y_label = "right",
                         .x = x,
                         .y = y,
                         .low = low,
                         .high = high,
                         .x_min = 0.5,
                         .x_max = 1,
                         .y_min = 0,
                         .y_max = 1 };

    points.count = gd_page_column(x, BINS_MOST, bins, "confidence");
    (void)gd_page_column(y, BINS_MOST, bins, "right");
    (void)gd_page_column(low, BINS_MOST, bins, "right_low");
    (void)gd_page_column(high, BINS_MOST, bins, "right_high");
    gd_html_section(b, "Calibration",
                    "A margin m claims that the preferred answer is better with probability sigmoid(|m|). On the "
                    "dotted line, that is how often it is; below the line, the model is overconfident. A tie counts "
                    "half here.");
    gd_page_points(b, &points);
    reliability_table(b, bins);
    gd_html_section_end(b);
}

/* ---- length ---- */

static void signed_number(gd_buf *b, double value)
{
    gd_buf_str(b, value < 0 ? "\xe2\x88\x92" : value > 0 ? "+" : "");
    gd_buf_fixed(b, fabs(value), 0);
}

static void range_name(gd_buf *b, char name[GD_PAGE_LABEL], const json_t *bin)
{
    const double from = gd_get_real(bin, "from"), to = gd_get_real(bin, "to");
    gd_buf text = { 0 };

    signed_number(&text, from);
    if (from != to) {
        gd_buf_str(&text, " to ");
        signed_number(&text, to);
    }
    gd_page_label(b, name, &text);
}

static void length_chart(gd_buf *b, const json_t *bins)
{
    char names[BINS_MOST][GD_PAGE_LABEL], notes[BINS_MOST][GD_PAGE_LABEL];
    gd_chart_row rows[BINS_MOST];
    gd_chart_rows chart = { .title = "Accuracy by length of the chosen text minus the rejected one, in tokens",
                            .rows = rows,
                            .x_label = "accuracy",
                            .mark = 0.5 };
    const json_t *bin;
    size_t i;

    json_array_foreach(bins, i, bin) {
        gd_buf note = { 0 };

        if (i == BINS_MOST)
            break;
        range_name(b, names[i], bin);
        gd_buf_fixed(&note, gd_get_real(bin, "pairs"), 0);
        gd_buf_str(&note, " pairs");
        gd_page_label(b, notes[i], &note);
        rows[i] = bar_of(names[i], bin);
        rows[i].note = notes[i];
        chart.count = i + 1;
    }
    if (chart.count)
        gd_page_chart_rows(b, &chart);
}

static void length_section(gd_buf *b, const json_t *root)
{
    const json_t *length = gd_get_part(gd_get_part(root, "details"), "length");

    gd_html_section(b, "Length",
                    "Does the model just like long answers? Then it is right where the chosen text is longer and "
                    "wrong where it is shorter. On either side, all bars have about the same number of pairs.");
    length_chart(b, gd_get_part(length, "bins"));
    gd_html_words(b);
    gd_html_row(b, "The longer text has the higher score");
    percent(b, gd_get_real(length, "longer_higher"));
    gd_html_row_end(b);
    gd_html_row(b, "The longer text is the chosen one");
    percent(b, gd_get_real(length, "longer_chosen"));
    gd_html_row_end(b);
    gd_page_number_row(b, "Pairs with unequal lengths and scores", length, "pairs", 0);
    gd_page_number_row(b, "Correlation of margin and difference in length", length, "correlation", 4);
    gd_html_words_end(b);
    gd_html_section_end(b);
}

/* ---- pairs to read ---- */

static void worst_text(gd_buf *b, const char *title, const json_t *pair, const char *key, const char *score,
                       const char *tokens)
{
    gd_buf_str(b, "<div class=\"half\"><h3>");
    gd_buf_str(b, title);
    if (isfinite(gd_get_real(pair, score))) {
        gd_buf_str(b, ", score ");
        gd_buf_fixed(b, gd_get_real(pair, score), 4);
        gd_buf_str(b, ", ");
        gd_buf_fixed(b, gd_get_real(pair, tokens), 0);
        gd_buf_str(b, " tokens");
    }
    gd_buf_str(b, "</h3><pre>");
    gd_page_text(b, pair, key, "");
    gd_buf_str(b, "</pre></div>\n");
}

static void worst_pair(gd_buf *b, const json_t *pair, bool open)
{
    const char *beginning = gd_get_text(pair, "beginning");

    gd_buf_str(b, open ? "<details open=\"\"><summary>margin " : "<details><summary>margin ");
    gd_buf_fixed(b, gd_get_real(pair, "margin"), 4);
    gd_buf_str(b, ", line ");
    gd_buf_fixed(b, gd_get_real(pair, "line"), 0);
    if (gd_get_text(pair, "group")) {
        gd_buf_str(b, ", ");
        gd_page_text(b, pair, "group", "");
    }
    gd_buf_str(b, "</summary>\n");
    if (beginning && *beginning) {
        gd_buf_str(b, "<h3>Common beginning</h3><pre>");
        gd_html_text(b, beginning);
        gd_buf_str(b, "</pre>\n");
    }
    gd_buf_str(b, "<div class=\"side\">\n");
    worst_text(b, "Chosen", pair, "chosen", "chosen_score", "chosen_tokens");
    worst_text(b, "Rejected", pair, "rejected", "rejected_score", "rejected_tokens");
    gd_buf_str(b, "</div></details>\n");
}

static void worst_section(gd_buf *b, const json_t *root)
{
    const json_t *pair;
    size_t i;

    gd_buf_str(b, "<section>\n<h2>The pairs with the lowest margins</h2>\n<p>Is the model wrong, or are the data? Long "
                  "texts are cut.</p>\n");
    json_array_foreach(gd_get_part(gd_get_part(root, "details"), "worst"), i, pair) {
        if (i == WORST_MOST)
            break;
        worst_pair(b, pair, i < WORST_OPEN);
    }
    gd_buf_str(b, "</section>\n");
}

static void put_page(gd_buf *b, const json_t *root)
{
    page_head(b, root);
    accuracy_section(b, root);
    sections_section(b, root);
    margins_section(b, root);
    calibration_section(b, root);
    length_section(b, root);
    worst_section(b, root);
    gd_page_failures(b, root, "Lines without scores");
    gd_html_end(b);
}

gd_status gd_eval_page(const char *json, char **html, gd_error *err)
{
    return gd_page_make(html, json, "guerdon-eval/1", put_page, err);
}
