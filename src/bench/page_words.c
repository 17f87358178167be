/* page_words.c - the textual parts of the page: what was measured, on which machine, in how much memory. */
#include "bench/page.h"

#include "page/html.h"
#include "page/page.h"

/* 15,231,233,024 bytes as "14.19 GiB", without a line break in between. */
static void bytes(gd_buf *b, double value)
{
    static const char *const units[] = { "\xc2\xa0\x62ytes", "\xc2\xa0KiB", "\xc2\xa0MiB", "\xc2\xa0GiB",
                                         "\xc2\xa0TiB" };
    size_t unit = 0;

    if (!(value >= 0)) {
        gd_buf_str(b, "unknown");
        return;
    }
    for (; value >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        value /= 1024;
    gd_buf_fixed(b, value, unit && value < 100 ? 2 : 0);
    gd_buf_str(b, units[unit]);
}

static void number_row(gd_buf *b, const char *name, double value, unsigned decimals, const char *unit)
{
    gd_html_row(b, name);
    gd_page_number(b, value, decimals, unit, "not measured");
    gd_html_row_end(b);
}

static void bytes_row(gd_buf *b, const char *name, double value)
{
    gd_html_row(b, name);
    bytes(b, value);
    gd_html_row_end(b);
}

void gd_bench_page_head(gd_buf *b, const json_t *root)
{
    const json_t *settings = gd_get_part(root, "settings"), *scoring = gd_get_part(root, "scoring");
    const json_t *model = gd_get_part(root, "model"), *alone = gd_get_part(scoring, "alone");

    gd_html_begin(b, "How fast this model runs on this machine");
    gd_buf_str(b, "<p>");
    gd_page_text(b, model, "model", "a model");
    gd_buf_str(b, "</p>\n<p class=\"soft\">guerdon ");
    gd_page_text(b, root, "guerdon", "of an unknown version");
    gd_buf_str(b, ", ");
    gd_page_text(b, root, "when", "at an unknown time");
    gd_buf_str(b, "</p>\n");
    gd_html_words(b);
    gd_page_text_row(b, "Architecture", model, "architecture", "unknown");
    gd_html_row(b, "Parameters");
    gd_chart_number(b, gd_get_real(model, "parameters"));
    gd_html_row_end(b);
    gd_html_row(b, "Run with");
    gd_page_text(b, settings, "backend", "?");
    gd_buf_str(b, ", ");
    gd_page_text(b, settings, "isa", "?");
    gd_buf_str(b, ", ");
    gd_page_text(b, settings, "precision", "?");
    gd_buf_str(b, ", ");
    gd_buf_fixed(b, gd_get_real(settings, "threads"), 0);
    gd_buf_str(b, " threads");
    gd_html_row_end(b);
    number_row(b, "Scoring, each text on its own", gd_get_real(alone, "tokens_per_s"), 1, " tokens/s");
    number_row(b, "Linear layers, fraction of the peak", 100 * gd_get_real(alone, "of_peak"), 1, " %");
    number_row(b, "Pairs", gd_get_real(gd_get_part(scoring, "shared"), "pairs_per_s"), 2, " pairs/s");
    number_row(b, "Speed-up of pairs by sharing prefixes", gd_get_real(scoring, "speed_up"), 2, " times");
    gd_html_words_end(b);
}

static void start_section(gd_buf *b, const json_t *root)
{
    const json_t *start = gd_get_part(root, "start");
    const char *const keys[] = { "first", "again" }, *const names[] = { "first time", "again" };
    gd_html_table table;

    gd_html_section(b, "Start",
                    "From opening the model to the score of one short text, inside a running process. The first time, "
                    "the model's file may be read from disk.");
    table = gd_html_table_begin(b, "|opening, s|first score, s|total, s");
    for (size_t i = 0; i < 2; i++) {
        const json_t *one = gd_get_part(start, keys[i]);

        if (!json_is_object(one))
            continue;
        gd_html_cell(b, &table, names[i]);
        gd_html_cell_number(b, &table, gd_get_real(one, "open_seconds"), 3);
        gd_html_cell_number(b, &table, gd_get_real(one, "first_score_seconds"), 3);
        gd_html_cell_number(b, &table, gd_get_real(one, "seconds"), 3);
    }
    gd_html_table_end(b, &table);
    gd_html_section_end(b);
}

/* Rate and memory of each budget, if budgets were measured. */
static void budgets(gd_buf *b, const json_t *list)
{
    double x[GD_BENCH_POINTS], resident[GD_BENCH_POINTS], rate[GD_BENCH_POINTS], even[GD_BENCH_POINTS];
    gd_series memory[] = { { "peak resident", x, resident, 0 }, { "the budget", x, even, 0 } };
    gd_series speed = { NULL, x, rate, 0 };
    gd_chart chart = { .title = "Memory against budget",
                       .x_label = "budget, GiB",
                       .y_label = "GiB",
                       .series = memory,
                       .series_count = 2,
                       .log_x = true };
    gd_html_table table = gd_html_table_begin(b, "budget, GiB|resident, GiB|rows/s");
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) {
        if (i == GD_BENCH_POINTS)
            break;
        x[i] = even[i] = gd_get_real(one, "budget_bytes") / 0x1p30;
        resident[i] = gd_get_real(one, "peak_resident_bytes") / 0x1p30;
        rate[i] = gd_get_real(one, "rows_per_s");
        memory[0].count = memory[1].count = speed.count = i + 1;
        gd_html_cell_number(b, &table, x[i], 2);
        gd_html_cell_number(b, &table, resident[i], 2);
        gd_html_cell_number(b, &table, rate[i], 1);
    }
    gd_html_table_end(b, &table);
    gd_page_chart(b, &chart);
    chart.title = "Rate against budget";
    chart.y_label = "rows/s";
    chart.series = &speed;
    chart.series_count = 1;
    gd_page_chart(b, &chart);
}

static void memory_section(gd_buf *b, const json_t *root)
{
    const json_t *memory = gd_get_part(root, "memory"), *list = gd_get_part(memory, "budgets");

    gd_html_section(b, "Memory", "The memory that a run announces, and its peak, mapped files included.");
    gd_html_words(b);
    bytes_row(b, "Weights, in the form used for computing", gd_get_real(memory, "weights_bytes"));
    bytes_row(b, "A batch", gd_get_real(memory, "batch_bytes"));
    bytes_row(b, "Peak resident", gd_get_real(memory, "peak_resident_bytes"));
    gd_html_words_end(b);
    if (json_array_size(list))
        budgets(b, list);
    gd_html_section_end(b);
    if (!json_array_size(list)) {
        gd_buf_str(b, "<p>Memory against budget: not measured: ");
        gd_page_text(b, memory, "not_measured", "no reason given");
        gd_buf_str(b, ".</p>\n");
    }
}

static void flags_row(gd_buf *b, const json_t *machine)
{
    const json_t *flag;
    size_t i;

    gd_html_row(b, "Flags");
    json_array_foreach(gd_get_part(machine, "flags"), i, flag) {
        if (i)
            gd_buf_str(b, " ");
        if (json_is_string(flag))
            gd_html_text(b, json_string_value(flag));
    }
    gd_html_row_end(b);
}

static void caches_row(gd_buf *b, const json_t *machine)
{
    const json_t *cache;
    size_t i;

    gd_html_row(b, "Caches");
    json_array_foreach(gd_get_part(machine, "caches"), i, cache) {
        gd_buf_str(b, i ? ", L" : "L");
        gd_buf_fixed(b, gd_get_real(cache, "level"), 0);
        gd_buf_str(b, " ");
        gd_page_text(b, cache, "type", "");
        gd_buf_str(b, " ");
        bytes(b, gd_get_real(cache, "bytes"));
    }
    gd_html_row_end(b);
}

static void machine_section(gd_buf *b, const json_t *root)
{
    const json_t *machine = gd_get_part(root, "machine");

    gd_html_section(b, "The machine", "The figures mean little without it.");
    gd_html_words(b);
    gd_page_text_row(b, "Processor", machine, "cpu", "unknown");
    flags_row(b, machine);
    number_row(b, "Available cores", gd_get_real(machine, "cores"), 0, "");
    number_row(b, "Threads per core", gd_get_real(machine, "threads_per_core"), 0, "");
    caches_row(b, machine);
    bytes_row(b, "Memory", gd_get_real(machine, "memory_bytes"));
    gd_page_text_row(b, "Kernel", machine, "kernel", "unknown");
    gd_html_row(b, "Virtual machine");
    gd_buf_str(b, json_is_true(gd_get_part(machine, "virtual_machine")) ? "yes" : "no");
    gd_html_row_end(b);
    gd_page_text_row(b, "Load at the start", machine, "load", "unknown");
    number_row(b, "Duration of this run", gd_get_real(root, "seconds"), 0, " s");
    gd_html_words_end(b);
    gd_html_section_end(b);
}

void gd_bench_page_tail(gd_buf *b, const json_t *root)
{
    if (json_is_object(gd_get_part(root, "start")))
        start_section(b, root);
    if (json_is_object(gd_get_part(root, "memory")))
        memory_section(b, root);
    machine_section(b, root);
    gd_html_end(b);
}
