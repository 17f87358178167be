/* compare_page.c - gd_compare_page(): makes a page of a result of gd_compare(). */
#include "page/html.h"
#include "page/page.h"

#include <string.h>

enum { POINTS_MOST = 1000, ROWS_MOST = 20 };

static bool is_of_margins(const json_t *root)
{
    const char *of = gd_get_text(gd_get_part(root, "details"), "of");

    return of && !strcmp(of, "margins");
}

static void page_head(gd_buf *b, const json_t *root)
{
    const json_t *details = gd_get_part(root, "details");

    gd_html_begin(b, "Two sets of scores compared");
    gd_html_words(b);
    gd_page_text_row(b, "A", details, "a", "a file");
    gd_page_text_row(b, "B", details, "b", "a file");
    gd_page_number_row(b, "Items", root, "items", 0);
    gd_page_number_row(b, "Left out, without scores in either file", root, "skipped", 0);
    gd_page_number_row(b, "Scores", root, "scores", 0);
    gd_page_number_row(b, "Scores with the same bits", root, "identical", 0);
    gd_html_words_end(b);
    gd_buf_str(b, "<p class=\"soft\">by guerdon ");
    gd_page_text(b, details, "guerdon", "of an unknown version");
    gd_buf_str(b, "</p>\n");
}

static void agreement_section(gd_buf *b, const json_t *root)
{
    static const gd_page_field fields[] = {
        { "pearson", "correlation (Pearson)", 6 },
        { "spearman", "rank correlation (Spearman)", 6 },
        { "mean_difference", "absolute difference, mean", 6 },
        { "largest_difference", "absolute difference, largest", 6 },
        { "largest_index", "at item", 0 },
    };

    gd_html_section(b, "Agreement",
                    "Models may use different scales, and even for one model only differences between answers to the "
                    "same prompt mean anything. So margins say more than scores, and ranks more than values.");
    gd_page_two_columns(b, "|scores|margins", fields, sizeof fields / sizeof fields[0], root,
                        gd_get_part(root, "margins"));
    gd_html_section_end(b);
}

static void pairs_section(gd_buf *b, const json_t *root)
{
    const json_t *margins = gd_get_part(root, "margins");

    if (!(gd_get_real(margins, "pairs") > 0))
        return;
    gd_html_section(b, "Pairs", "A pair flips when its margins differ in sign, or only one of them is 0.");
    gd_html_words(b);
    gd_page_number_row(b, "Pairs", margins, "pairs", 0);
    gd_page_number_row(b, "Flips", margins, "flips", 0);
    gd_page_number_row(b, "Accuracy of A", margins, "accuracy_a", 4);
    gd_page_number_row(b, "Accuracy of B", margins, "accuracy_b", 4);
    gd_page_number_row(b, "Right only in A", margins, "only_a_right", 0);
    gd_page_number_row(b, "Right only in B", margins, "only_b_right", 0);
    gd_page_number_row(b, "Ties in A", margins, "ties_a", 0);
    gd_page_number_row(b, "Ties in B", margins, "ties_b", 0);
    gd_html_words_end(b);
    gd_html_section_end(b);
}

static void lists_section(gd_buf *b, const json_t *root)
{
    if (!(gd_get_real(root, "lists") > 0))
        return;
    gd_html_section(b, "Several answers", "Items with a list of scores: is the best answer the same one?");
    gd_html_words(b);
    gd_page_number_row(b, "Lists", root, "lists", 0);
    gd_page_number_row(b, "Best answer differs", root, "best_differs", 0);
    gd_html_words_end(b);
    gd_html_section_end(b);
}

static void points_figure(gd_buf *b, const json_t *root)
{
    const json_t *list = gd_get_part(gd_get_part(root, "details"), "points");
    const bool margins = is_of_margins(root);
    double x[POINTS_MOST], y[POINTS_MOST];
    gd_points points = { .title = margins ? "Margins in B against margins in A" : "Scores in B against scores in A",
                         .x_label = "A",
                         .y_label = "B",
                         .x = x,
                         .y = y,
                         .cross = margins };
    const size_t count_a = gd_page_column(x, POINTS_MOST, gd_get_part(list, "a"), NULL);
    const size_t count_b = gd_page_column(y, POINTS_MOST, gd_get_part(list, "b"), NULL);

    points.count = count_a < count_b ? count_a : count_b;
    if (points.count)
        gd_page_points(b, &points);
}

static void picture_section(gd_buf *b, const json_t *root)
{
    const bool margins = is_of_margins(root);
    const double every = gd_get_real(gd_get_part(gd_get_part(root, "details"), "points"), "every");

    gd_html_section(b, "Where they differ",
                    margins
                        ? "On the dotted line both are equal. Points at the upper left and the lower right are flips."
                        : "On the dotted line both are equal.");
    points_figure(b, root);
    gd_page_histogram(b, gd_get_part(gd_get_part(root, "details"), "differences"),
                      margins ? "Margin in B minus margin in A" : "Score in B minus score in A", "difference",
                      margins ? "pairs" : "scores");
    gd_html_section_end(b);
    if (every > 1) {
        gd_buf_str(b, "<p class=\"soft\">The first chart shows one point in ");
        gd_buf_fixed(b, every, 0);
        gd_buf_str(b, ".</p>\n");
    }
}

static void differences_table(gd_buf *b, const json_t *list, const char *caption)
{
    gd_html_table table;
    const json_t *one;
    size_t i;

    gd_buf_str(b, "<div><p class=\"soft\">");
    gd_html_text(b, caption);
    gd_buf_str(b, "</p>\n");
    table = gd_html_table_begin(b, "item|A|B|B - A");
    json_array_foreach(list, i, one) {
        if (i == ROWS_MOST)
            break;
        gd_html_cell_number(b, &table, gd_get_real(one, "index"), 0);
        gd_html_cell_number(b, &table, gd_get_real(one, "a"), 6);
        gd_html_cell_number(b, &table, gd_get_real(one, "b"), 6);
        gd_html_cell_number(b, &table, gd_get_real(one, "b") - gd_get_real(one, "a"), 6);
    }
    gd_html_table_end(b, &table);
    gd_buf_str(b, "</div>\n");
}

static void largest_section(gd_buf *b, const json_t *root)
{
    const json_t *details = gd_get_part(root, "details");

    if (!json_array_size(gd_get_part(details, "largest"))) {
        gd_buf_str(b, "<p>There are no differences.</p>\n");
        return;
    }
    gd_html_section(b, "Largest differences", is_of_margins(root) ? "Of margins." : "Of scores.");
    differences_table(b, gd_get_part(details, "largest"), "The largest");
    if (json_array_size(gd_get_part(details, "flips")))
        differences_table(b, gd_get_part(details, "flips"), "The largest flips");
    gd_html_section_end(b);
}

static void put_page(gd_buf *b, const json_t *root)
{
    page_head(b, root);
    agreement_section(b, root);
    pairs_section(b, root);
    lists_section(b, root);
    picture_section(b, root);
    largest_section(b, root);
    gd_html_end(b);
}

gd_status gd_compare_page(const char *json, char **html, gd_error *err)
{
    return gd_page_make(html, json, "guerdon-compare/1", put_page, err);
}
