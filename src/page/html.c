/* html.c - a self-contained page. */
#include "page/html.h"

#include <math.h>
#include <string.h>

/* The colours are distinguishable with colour blindness; lines also differ by their dashes. */
static const char style[] =
    ":root{color-scheme:light dark;--page:#fcfcfb;--ink:#1d1d1b;--soft:#5d5d58;--rule:#d9d8d3;--mark:#77756e;"
    "--s0:#1f6fb4;--s1:#c4541a;--s2:#1b8a63;--s3:#8a4fb0;--s4:#a3760a;--s5:#b8407a;--s6:#4d6a7d;--s7:#6b5a3e}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#171817;--ink:#ebebe6;--soft:#a9a8a1;--rule:#3a3b39;"
    "--mark:#918f87;--s0:#6db3f0;--s1:#f0925a;--s2:#58c99c;--s3:#c596e6;--s4:#dbb04a;--s5:#ee86b4;--s6:#9db9ca;"
    "--s7:#c4ad88}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\n"
    "main{max-width:1200px;margin:0 auto;padding:1.5rem 1rem 4rem}\n"
    "h1{font-size:1.7rem;line-height:1.2;margin:0 0 .5rem}h2{font-size:1.25rem;margin:2.5rem 0 .5rem}\n"
    "p{max-width:48rem;margin:.5rem 0}.soft,figcaption,caption{color:var(--soft)}\n"
    ".side{display:flex;flex-wrap:wrap;gap:1rem 2.5rem;align-items:flex-start}\n"
    "figure{flex:1 1 22rem;max-width:30rem;min-width:0;margin:.5rem 0}"
    "figcaption{font-size:.9rem;margin-bottom:.25rem}\n"
    ".table{flex:1 1 22rem;min-width:0;max-width:100%;overflow-x:auto;margin:.5rem 0}\n"
    "table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.25rem .8rem .25rem 0;text-align:right;border-bottom:1px solid var(--rule);vertical-align:top}\n"
    "td+td{white-space:nowrap}"
    "th{color:var(--soft);font-weight:600}th:first-child,td:first-child{text-align:left}\n"
    "table.words td,table.words th{text-align:left}table.words td{overflow-wrap:anywhere;min-width:6.5rem}\n"
    "svg{display:block;width:100%;height:auto;font:12px system-ui,sans-serif}\n"
    "svg text{fill:var(--soft)}svg .grid{stroke:var(--rule)}svg .axis{stroke:var(--soft)}\n"
    "svg .mark{stroke:var(--mark);stroke-dasharray:2 4}svg .line{fill:none;stroke-width:2;stroke-linejoin:round}\n"
    "svg .s0{--c:var(--s0)}svg .s1{--c:var(--s1);stroke-dasharray:7 4}svg .s2{--c:var(--s2);stroke-dasharray:2 3}\n"
    "svg .s3{--c:var(--s3);stroke-dasharray:10 3 2 3}svg .s4{--c:var(--s4);stroke-dasharray:12 5}\n"
    "svg .s5{--c:var(--s5);stroke-dasharray:4 4}svg .s6{--c:var(--s6);stroke-dasharray:1 4}\n"
    "svg .s7{--c:var(--s7);stroke-dasharray:6 2 1 2 1 2}\n"
    "svg .line{stroke:var(--c)}svg .fill{fill:var(--c);stroke:none}svg .many{fill-opacity:.4}\n"
    "svg .whisker{stroke:var(--ink);stroke-width:1.2}\n"
    "details{border-bottom:1px solid var(--rule);padding:.4rem 0}summary{cursor:pointer}\n"
    ".wide td:first-child{min-width:12rem;overflow-wrap:anywhere}\n"
    "details h3{font-size:.9rem;margin:.75rem 0 .25rem;color:var(--soft)}\n"
    ".half{flex:1 1 20rem;min-width:0}\n"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font:.9rem/1.45 ui-monospace,monospace}\n";

static const char live_style[] =
    "svg .faint{stroke-width:1;stroke-opacity:.5}svg .faint.many{stroke-opacity:.25}\n"
    "figure{flex:0 1 22.5rem}@media(max-width:50rem){figure{flex-grow:1}}\n"
    "progress{width:100%;max-width:48rem;accent-color:var(--s0)}\n"
    ".tiles{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0}\n"
    ".tile{flex:1 1 8.5rem;max-width:16rem;border:1px solid var(--rule);border-radius:.5rem;padding:.5rem .75rem}\n"
    ".tile span{display:block;color:var(--soft);font-size:.85rem}\n"
    ".tile b{display:block;font-size:1.3rem;line-height:1.4;white-space:nowrap;font-variant-numeric:tabular-nums}\n";

static const char *entity(unsigned char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: break;
    }
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
        return "\xef\xbf\xbd"; /* not allowed in HTML */
    return NULL;
}

static void escape(gd_buf *b, const char *text, size_t len)
{
    size_t start = 0;

    for (size_t i = 0; i < len; i++) {
        const char *instead = entity((unsigned char)text[i]);

        if (!instead)
            continue;
        gd_buf_bytes(b, text + start, i - start);
        gd_buf_str(b, instead);
        start = i + 1;
    }
    gd_buf_bytes(b, text + start, len - start);
}

void gd_html_text(gd_buf *b, const char *text) { escape(b, text, strlen(text)); }

static void begin(gd_buf *b, const char *title, const char *more_style, unsigned seconds)
{
    gd_buf_str(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n");
    if (seconds)
        gd_buf_printf(b, "<meta http-equiv=\"refresh\" content=\"%u\">\n", seconds);
    gd_buf_str(b, "<title>");
    gd_html_text(b, title);
    gd_buf_str(b, "</title>\n<style>\n");
    gd_buf_str(b, style);
    gd_buf_str(b, more_style);
    gd_buf_str(b, "</style>\n</head>\n<body>\n<main>\n<h1>");
    gd_html_text(b, title);
    gd_buf_str(b, "</h1>\n");
}

void gd_html_begin(gd_buf *b, const char *title) { begin(b, title, "", 0); }

void gd_html_begin_live(gd_buf *b, const char *title, unsigned seconds) { begin(b, title, live_style, seconds); }

void gd_html_end(gd_buf *b) { gd_buf_str(b, "</main>\n</body>\n</html>\n"); }

void gd_html_section(gd_buf *b, const char *title, const char *about)
{
    gd_buf_str(b, "<section>\n<h2>");
    gd_html_text(b, title);
    gd_buf_str(b, "</h2>\n<p>");
    gd_html_text(b, about);
    gd_buf_str(b, "</p>\n<div class=\"side\">\n");
}

void gd_html_section_end(gd_buf *b) { gd_buf_str(b, "</div>\n</section>\n"); }

void gd_html_figure(gd_buf *b, const char *caption)
{
    gd_buf_str(b, "<figure><figcaption>");
    gd_html_text(b, caption);
    gd_buf_str(b, "</figcaption>\n");
}

void gd_html_figure_end(gd_buf *b) { gd_buf_str(b, "</figure>\n"); }

void gd_html_tiles(gd_buf *b) { gd_buf_str(b, "<div class=\"tiles\">\n"); }

void gd_html_tile(gd_buf *b, const char *name, const char *figure, const char *note)
{
    gd_buf_str(b, "<div class=\"tile\"><span>");
    gd_html_text(b, name);
    gd_buf_str(b, "</span><b>");
    gd_html_text(b, figure);
    gd_buf_str(b, "</b><span>");
    gd_html_text(b, note);
    gd_buf_str(b, "</span></div>\n");
}

void gd_html_tiles_end(gd_buf *b) { gd_buf_str(b, "</div>\n"); }

void gd_html_words(gd_buf *b) { gd_buf_str(b, "<div class=\"table\"><table class=\"words\">\n"); }

void gd_html_row(gd_buf *b, const char *name)
{
    gd_buf_str(b, "<tr><th>");
    gd_html_text(b, name);
    gd_buf_str(b, "</th><td>");
}

void gd_html_row_end(gd_buf *b) { gd_buf_str(b, "</td></tr>\n"); }

void gd_html_words_end(gd_buf *b) { gd_buf_str(b, "</table></div>\n"); }

gd_html_table gd_html_table_begin(gd_buf *b, const char *heads)
{
    gd_html_table table = { 0, 0 };

    gd_buf_str(b, "<div class=\"table\"><table>\n<tr>");
    for (;;) {
        const size_t len = strcspn(heads, "|");

        gd_buf_str(b, "<th>");
        escape(b, heads, len);
        gd_buf_str(b, "</th>");
        table.columns++;
        heads += len;
        if (!*heads)
            break;
        heads++;
    }
    gd_buf_str(b, "</tr>\n");
    return table;
}

static void cell_begin(gd_buf *b, const gd_html_table *table) { gd_buf_str(b, table->at == 0 ? "<tr><td>" : "<td>"); }

static void cell_end(gd_buf *b, gd_html_table *table)
{
    gd_buf_str(b, "</td>");
    table->at = (table->at + 1) % table->columns;
    if (table->at == 0)
        gd_buf_str(b, "</tr>\n");
}

void gd_html_cell(gd_buf *b, gd_html_table *table, const char *text)
{
    cell_begin(b, table);
    if (text)
        gd_html_text(b, text);
    cell_end(b, table);
}

void gd_html_cell_number(gd_buf *b, gd_html_table *table, double value, unsigned decimals)
{
    cell_begin(b, table);
    if (isfinite(value))
        gd_buf_fixed(b, value, decimals);
    cell_end(b, table);
}

void gd_html_table_end(gd_buf *b, gd_html_table *table)
{
    while (table->at)
        gd_html_cell(b, table, NULL);
    gd_buf_str(b, "</table></div>\n");
}
