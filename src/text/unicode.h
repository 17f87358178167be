/* unicode.h - what the reference tokenizer knows about characters. The tables are in unicode/, with the script
 * that generates them with the reference: its regular expressions, its normalization and Rust's own classes follow
 * three different versions of Unicode. */
#ifndef GD_TEXT_UNICODE_H
#define GD_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GD_UNICODE_END 0x110000u

/* Runs of code points with one value: the first code point of the run, shifted left, and the value. */
extern const uint32_t gd_category_runs[]; /* << 5 | enum gd_category */
extern const size_t gd_category_runs_count;
extern const uint32_t gd_set_runs[]; /* << 4 | GD_SET_... */
extern const size_t gd_set_runs_count;
extern const uint32_t gd_combining_runs[]; /* << 8 | canonical combining class */
extern const size_t gd_combining_runs_count;

/* c << 42 | a << 21 | b, sorted by c: c decomposes to a and b, or to a alone if b is 0. */
extern const uint64_t gd_decompositions[];
extern const size_t gd_decompositions_count;
/* Those that compose again, as places in gd_decompositions, sorted by a and b. */
extern const uint16_t gd_compositions[];
extern const size_t gd_compositions_count;

extern const uint32_t gd_punctuation_runs[]; /* << 1 | whether the pre-tokenizer Punctuation isolates it */
extern const size_t gd_punctuation_runs_count;

/* c << 32 | count << 16 | place in gd_compatible_parts, sorted by c. */
extern const uint64_t gd_compatible[];
extern const size_t gd_compatible_count;
extern const uint32_t gd_compatible_parts[];

/* In the order of make_tables.py. */
enum gd_category {
    GD_CN,
    GD_CC,
    GD_CF,
    GD_CO,
    GD_LU,
    GD_LL,
    GD_LT,
    GD_LM,
    GD_LO,
    GD_MN,
    GD_MC,
    GD_ME,
    GD_ND,
    GD_NL,
    GD_NO,
    GD_PC,
    GD_PD,
    GD_PS,
    GD_PE,
    GD_PI,
    GD_PF,
    GD_PO,
    GD_SM,
    GD_SC,
    GD_SK,
    GD_SO,
    GD_ZS,
    GD_ZL,
    GD_ZP,
    GD_CATEGORIES
};

#define GD_SET_SPACE 1u   /* \s of the reference's patterns */
#define GD_SET_NUMERIC 2u /* Rust's is_numeric: the pre-tokenizer Digits */
#define GD_SET_WORD 4u    /* \w around added tokens with single_word */
#define GD_SET_STRIP 8u   /* \s around added tokens with lstrip or rstrip */

/* The classes used at run time, one byte of bits per code point. */
#define GD_IS_LETTER 1u  /* \p{L} */
#define GD_IS_NUMBER 2u  /* \p{N} */
#define GD_IS_SPACE 4u   /* \s */
#define GD_IS_NUMERIC 8u /* these three as the sets above */
#define GD_IS_WORD 16u
#define GD_IS_STRIP 32u
#define GD_IS_NEWLINE 64u /* CR, LF */
#define GD_IS_ACTIVE 128u /* normalization may change it, move it, or compose it with what precedes it */

/* The table of classes, GD_UNICODE_END bytes, freed with gd_free; NULL without memory. */
uint8_t *gd_classes_make(void);

/* Canonical combining class. */
uint8_t gd_combining_class(uint32_t c);

/* One step of canonical decomposition (not of Hangul): false if there is none; *b is 0 if the result is *a alone. */
bool gd_decompose(uint32_t c, uint32_t *a, uint32_t *b);

/* What only a compatibility form makes of c: its full decomposition, *count characters; NULL if that is none, or the
 * canonical one. */
const uint32_t *gd_compatible_with(uint32_t c, size_t *count);

bool gd_is_punctuation(uint32_t c);

/* The character that a and b compose to (not Hangul), or 0. */
uint32_t gd_compose(uint32_t a, uint32_t b);

#endif
