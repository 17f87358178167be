/* regex.h - patterns of a tokenizer.json that scan.h doesn't know.
 *
 * The reference matches with Oniguruma: Ruby's syntax, Oniguruma's version of Unicode, and no promise to ever
 * come to an end. PCRE2 differs in all three (and refuses a pattern whose classes are written out from our
 * own tables, as they pass its size limit). What tokenizers use is a small part of the syntax, and that part
 * is matched here: literals, classes, \p{..} of general categories, \s \d and their opposites, alternatives,
 * groups, (?i:..) around letters, lookahead, atomic groups, and quantifiers: greedy, lazy and possessive.
 * Everything else is refused by name. A pattern that could match nothing at all is refused as well.
 *
 * A match backtracks with its own stack, counts its steps, and gives up with an error when a text takes too
 * many: a hostile pattern costs a bounded time. */
#ifndef GD_TEXT_REGEX_H
#define GD_TEXT_REGEX_H

#include "guerdon.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gd_regex gd_regex;

typedef struct gd_regex_frame {
    uint32_t at;     /* instruction to go on with */
    uint32_t repeat; /* of a repeat: how many more characters a lazy one may take; a greedy one gives back */
    size_t place;    /* in the text */
    size_t least;    /* of a greedy repeat: it doesn't give back further than here */
} gd_regex_frame;

/* What a match needs; all zero at first, each thread has its own. */
typedef struct gd_regex_room {
    gd_regex_frame *frames;
    size_t frames_room;
    uint64_t steps; /* left for this text; set by the caller, see gd_regex_steps() */
} gd_regex_room;

/* Compiles; `path` begins the message. */
gd_status gd_regex_open(gd_regex **out, const char *pattern, size_t len, const char *path, gd_error *err);
void gd_regex_close(gd_regex *regex);
void gd_regex_room_free(gd_regex_room *room);

/* The steps that a text of this length gets: some hundred for each byte, honest patterns take ten. */
uint64_t gd_regex_steps(size_t len);

/* The next match at or behind *from in the piece s[0..len) of well-formed UTF-8; never an empty one. */
gd_status gd_regex_next(const gd_regex *regex, gd_regex_room *room, const unsigned char *s, size_t len,
                        size_t *from, size_t *to, bool *found, gd_error *err);

#endif
