/* regex_program.h - what a pattern is compiled to: between regex_parse.c, which makes it, and regex.c. */
#ifndef GD_TEXT_REGEX_PROGRAM_H
#define GD_TEXT_REGEX_PROGRAM_H

#include "text/regex.h"

#define GD_REGEX_CODE ((size_t)4096)
#define GD_REGEX_SETS ((size_t)256)
#define GD_REGEX_DEPTH 16
#define GD_REGEX_FOREVER UINT16_MAX

typedef enum gd_regex_op {
    GD_RE_SET,    /* one character of set `set` */
    GD_RE_GREEDY, /* min..max characters of a set: most first, then fewer */
    GD_RE_LAZY,   /* fewest first, then more */
    GD_RE_KEEP,   /* most, and never fewer again */
    GD_RE_SPLIT,  /* go on at `to`; when that fails, at `or_to` */
    GD_RE_JUMP,   /* go on at `to` */
    GD_RE_AHEAD,  /* the code up to its GD_RE_END must match here, and takes nothing; then go on at `to` */
    GD_RE_NOT_AHEAD,
    GD_RE_ATOMIC, /* the code up to its GD_RE_END matches once, and is not tried again; then go on at `to` */
    GD_RE_END     /* of the whole, or of one of those three */
} gd_regex_op;

/* to and or_to count from the instruction's own place, so that code can be moved and copied. */
typedef struct gd_regex_code {
    gd_regex_op op;
    uint16_t set, min, max;
    int32_t to, or_to;
} gd_regex_code;

/* A set of characters: general categories and ranges. */
typedef struct gd_regex_set {
    uint64_t ascii[2];     /* the answer for U+0000 to U+007F */
    uint32_t categories;   /* a bit for each enum gd_category */
    uint32_t first, count; /* in ranges */
    bool negated;
} gd_regex_set;

typedef struct gd_regex_range {
    uint32_t low, high;
} gd_regex_range;

struct gd_regex {
    gd_regex_code *code;
    size_t code_len, code_room;
    gd_regex_set *sets;
    size_t sets_len, sets_room;
    gd_regex_range *ranges;
    size_t ranges_len, ranges_room;
};

bool gd_regex_in_set(const gd_regex *regex, const gd_regex_set *set, uint32_t c);

#endif
