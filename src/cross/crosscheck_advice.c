/* crosscheck_advice.c - what to do next, by the verdict. */
#include "cross/crosscheck_parts.h"

#include "page/page.h"

#include <math.h>
#include <string.h>

static void put_equal(gd_buf *b, const json_t *root);
static void put_within(gd_buf *b, const json_t *root);
static void put_different(gd_buf *b, const json_t *root);
static void put_beyond(gd_buf *b, const json_t *root);
static void put_saved(gd_buf *b, const json_t *root);

static const struct verdict {
    const char *name, *heading;
    void (*put)(gd_buf *b, const json_t *root);
} verdicts[] = {
    { "equal", "Equal: every bit is the same", put_equal },
    { "within", "Other bits, but only by rounding", put_within },
    { "different", "Different: bits that should be equal are not", put_different },
    { "beyond", "More than rounding can explain", put_beyond },
    { "saved", "One side, saved to be compared", put_saved },
};

static const struct verdict *find(const json_t *root)
{
    const char *name = gd_get_text(root, "verdict");

    for (size_t i = 0; name && i < sizeof verdicts / sizeof verdicts[0]; i++)
        if (!strcmp(verdicts[i].name, name))
            return &verdicts[i];
    return NULL;
}

const char *gd_crosscheck_heading(const json_t *root)
{
    const struct verdict *verdict = find(root);

    return verdict ? verdict->heading : "Two sides of a model compared";
}

static void paragraph(gd_buf *b, const char *text)
{
    gd_buf_str(b, "<p>");
    gd_html_text(b, text);
    gd_buf_str(b, "</p>\n");
}

/* "<pre>guerdon crosscheck ... before NAME</pre>": the name of a side is what --left and --right take. */
static void command(gd_buf *b, const char *flags, const json_t *side)
{
    gd_buf_str(b, "<pre>guerdon crosscheck --model DIR --input FILE ");
    gd_html_text(b, flags);
    if (side)
        gd_page_text(b, side, "name", "");
    gd_buf_str(b, "</pre>\n");
}

static bool has_other_weights(const json_t *root) { return json_is_false(gd_get_part(root, "same_weights")); }

static void put_equal(gd_buf *b, const json_t *root)
{
    (void)root;
    paragraph(b, "Nothing. The two sides may take each other\xe2\x80\x99s place, as far as these texts show.");
}

static void put_within(gd_buf *b, const json_t *root)
{
    const double largest = gd_get_real(gd_get_part(root, "scores"), "largest_difference");

    paragraph(
        b, has_other_weights(root)
               ? "The weights are not the same, and yet the sides are as close as rounding alone would leave them: as "
                 "for an adapter and the model that it was merged into. A small mistake in the weights looks the "
                 "same; each side was compared with float64 by its own."
               : "Nothing is wrong with how the sides compute: both have the same weights, and round in their own "
                 "ways. No step that was checked is further from float64 than its arithmetic allows. What the "
                 "weights themselves are worth is not looked at.");
    if (largest > 0) {
        gd_buf_str(b, "<p>For answers to the same prompt, it means: scores that are further apart than ");
        gd_chart_small(b, 2 * largest);
        gd_buf_str(b,
                   ", twice the largest difference found here, keep their order on either side, as far as these texts "
                   "show; those that are closer may change places, and either order may be the right one. Do not "
                   "mix scores of the two sides in one file, and say in a report which side they are of.</p>\n");
    }
    paragraph(
        b, "The limits of the drift and of the scores hold for these texts; other lengths may drift more. More texts "
           "tell more, with the other flags of this run:");
    command(b, "--texts 500 --report more.html", NULL);
}

/* Against plain C in the same arithmetic, unless the side is that. */
static void against_plain(gd_buf *b, const json_t *side)
{
    const char *isa = gd_get_text(side, "isa"), *numerics = gd_get_text(side, "numerics");
    const char *precision = gd_get_text(side, "precision");
    gd_buf flags = { 0 };

    if (!isa || !numerics || !precision || !strcmp(isa, "generic"))
        return;
    gd_buf_str(&flags, "--texts 2 --left cpu:");
    gd_buf_str(&flags, strcmp(numerics, "fast") ? numerics : "exact");
    gd_buf_str(&flags, ":generic:");
    gd_buf_str(&flags, precision);
    gd_buf_str(&flags, " --right ");
    command(b, gd_page_aside(b, &flags), side);
    gd_buf_free(&flags);
}

/* What to do when something is wrong. */
static void put_search(gd_buf *b, const json_t *root)
{
    gd_buf_str(b, "<ol>\n");
    if (has_other_weights(root))
        gd_buf_str(b,
                   "<li>The weights of the sides are not the same. Should they be? Then compare digests (sha256sum) of "
                   "the model\xe2\x80\x99s and the adapter\xe2\x80\x99s files, and get the file that is wrong "
                   "again.</li>\n");
    gd_buf_str(b, "<li>Which side is it? Compare with plain C, which is the definition, and slow: a few texts are "
                  "enough. The other flags are those of this run (--adapter, --max-length ..).\n");
    against_plain(b, gd_get_part(root, "left"));
    against_plain(b, gd_get_part(root, "right"));
    gd_buf_str(b,
               "</li>\n<li>Is it the same each time? Run the check again. If the place changes, suspect the memory or "
               "the processor: test the memory (memtest86+, or memtester), and look for machine checks in the "
               "system\xe2\x80\x99s log.</li>\n"
               "<li>Does a side use another library (openblas, onednn), or run in an emulator? Try the backend cpu "
               "in its place, and another version of the library.</li>\n"
               "<li>Report it, with this page, the output of guerdon backends, and what a side computed:\n");
    command(b, "--save side.gdc --left ", gd_get_part(root, "left"));
    gd_buf_str(b, "</li>\n</ol>\n");
}

static void put_different(gd_buf *b, const json_t *root)
{
    paragraph(b, has_other_weights(root) ? "The sides compute two models."
                                         : "One of the sides computes something else than it should. Until it is known "
                                           "which, trust the scores of neither.");
    put_search(b, root);
}

static void put_beyond(gd_buf *b, const json_t *root)
{
    const char *side = gd_get_text(gd_get_part(root, "first"), "side");

    if (side && (!strcmp(side, "left") || !strcmp(side, "right"))) {
        gd_buf_str(b, "<p>The ");
        gd_html_text(b, side);
        gd_buf_str(b, " side is at fault: do not trust its scores.</p>\n");
    } else {
        paragraph(
            b, "The two sides are further apart than rounding usually explains: they may compute different models, or "
               "this one makes more of small differences than others do. Are the "
               "weights, the adapter and the description of the model what they should be?");
    }
    put_search(b, root);
}

static void put_saved(gd_buf *b, const json_t *root)
{
    (void)root;
    paragraph(b, "Compare the file with another side, here or on another machine:");
    command(b, "--against side.gdc", NULL);
}

void gd_crosscheck_advice(gd_buf *b, const json_t *root)
{
    const struct verdict *verdict = find(root);

    if (!verdict)
        return;
    gd_buf_str(b, "<section>\n<h2>What to do next</h2>\n");
    verdict->put(b, root);
    gd_buf_str(b, "</section>\n");
}
