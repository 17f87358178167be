/* unicode.c - looks things up in the tables of unicode/. */
#include "text/unicode.h"

#include "base/mem.h"

/* Sets, for every code point of the runs, the bits that the map has for its value. */
static void paint(uint8_t *classes, const uint32_t *runs, size_t count, unsigned shift, const uint8_t *bits)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t end = i + 1 < count ? runs[i + 1] >> shift : GD_UNICODE_END;
        const uint8_t value = bits[runs[i] & ((1u << shift) - 1)];

        for (uint32_t c = runs[i] >> shift; value && c < end; c++)
            classes[c] |= value;
    }
}

static void paint_active(uint8_t *classes)
{
    for (size_t i = 0; i < gd_combining_runs_count; i++) {
        const uint32_t end = i + 1 < gd_combining_runs_count ? gd_combining_runs[i + 1] >> 8 : GD_UNICODE_END;

        for (uint32_t c = gd_combining_runs[i] >> 8; (gd_combining_runs[i] & 0xFF) && c < end; c++)
            classes[c] |= GD_IS_ACTIVE;
    }
    for (size_t i = 0; i < gd_decompositions_count; i++) /* all that decompose, except those that compose again */
        classes[gd_decompositions[i] >> 42] |= GD_IS_ACTIVE;
    for (size_t i = 0; i < gd_compositions_count; i++)
        classes[gd_decompositions[gd_compositions[i]] >> 42] &= (uint8_t)~GD_IS_ACTIVE;
    for (size_t i = 0; i < gd_compositions_count; i++)
        classes[gd_decompositions[gd_compositions[i]] & 0x1FFFFF] |= GD_IS_ACTIVE;
    for (uint32_t c = 0x1161; c < 0x1176; c++) /* Hangul vowels and final consonants */
        classes[c] |= GD_IS_ACTIVE;
    for (uint32_t c = 0x11A8; c < 0x11C3; c++)
        classes[c] |= GD_IS_ACTIVE;
}

uint8_t *gd_classes_make(void)
{
    uint8_t *classes = gd_alloc_zero(GD_UNICODE_END, 1);
    uint8_t category[32] = { 0 }, set[16] = { 0 };

    if (!classes)
        return NULL;
    for (unsigned v = GD_LU; v <= GD_LO; v++)
        category[v] = GD_IS_LETTER;
    for (unsigned v = GD_ND; v <= GD_NO; v++)
        category[v] = GD_IS_NUMBER;
    for (unsigned v = 0; v < 16; v++)
        set[v] = (uint8_t)(v * GD_IS_SPACE);
    paint(classes, gd_category_runs, gd_category_runs_count, 5, category);
    paint(classes, gd_set_runs, gd_set_runs_count, 4, set);
    classes['\r'] |= GD_IS_NEWLINE;
    classes['\n'] |= GD_IS_NEWLINE;
    paint_active(classes);
    return classes;
}

/* The run that c is in. */
static uint32_t run_of(const uint32_t *runs, size_t count, unsigned shift, uint32_t c)
{
    size_t low = 0, high = count;

    while (high - low > 1) {
        const size_t mid = low + (high - low) / 2;

        if (runs[mid] >> shift <= c)
            low = mid;
        else
            high = mid;
    }
    return runs[low];
}

uint8_t gd_combining_class(uint32_t c) { return (uint8_t)run_of(gd_combining_runs, gd_combining_runs_count, 8, c); }

bool gd_is_punctuation(uint32_t c)
{
    if (c < 0x80)
        return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return run_of(gd_punctuation_runs, gd_punctuation_runs_count, 1, c) & 1;
}

const uint32_t *gd_compatible_with(uint32_t c, size_t *count)
{
    size_t low = 0, high = gd_compatible_count;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const uint64_t entry = gd_compatible[mid];

        if (entry >> 32 == c) {
            *count = entry >> 16 & 0xFFFF;
            return gd_compatible_parts + (entry & 0xFFFF);
        }
        if (entry >> 32 < c)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

bool gd_decompose(uint32_t c, uint32_t *a, uint32_t *b)
{
    size_t low = 0, high = gd_decompositions_count;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const uint64_t entry = gd_decompositions[mid];

        if (entry >> 42 == c) {
            *a = (uint32_t)(entry >> 21) & 0x1FFFFF;
            *b = (uint32_t)entry & 0x1FFFFF;
            return true;
        }
        if (entry >> 42 < c)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

uint32_t gd_compose(uint32_t a, uint32_t b)
{
    const uint64_t wanted = (uint64_t)a << 21 | b;
    size_t low = 0, high = gd_compositions_count;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const uint64_t entry = gd_decompositions[gd_compositions[mid]];
        const uint64_t pair = entry & (((uint64_t)1 << 42) - 1);

        if (pair == wanted)
            return (uint32_t)(entry >> 42);
        if (pair < wanted)
            low = mid + 1;
        else
            high = mid;
    }
    return 0;
}
