/* regex_parser.h - between regex_parse.c (the grammar) and regex_class.c (sets of characters). */
#ifndef GD_TEXT_REGEX_PARSER_H
#define GD_TEXT_REGEX_PARSER_H

#include "text/regex_program.h"

typedef struct gd_regex_parser {
    gd_regex *regex;
    const unsigned char *s;
    size_t len, at;
    const char *path;
    gd_error *err;
    unsigned depth;
} gd_regex_parser;

/* Refuses s[at..at+len) of the pattern. */
gd_status gd_regex_refuse(gd_regex_parser *p, size_t at, size_t len, const char *what);

/* Is this text next; and steps over it if it is. */
bool gd_regex_looking_at(const gd_regex_parser *p, const char *s);
bool gd_regex_take(gd_regex_parser *p, const char *s);

gd_status gd_regex_emit(gd_regex_parser *p, gd_regex_code code);

/* Each appends the code for one character of a set. */
gd_status gd_regex_brackets(gd_regex_parser *p); /* behind the opening bracket */
gd_status gd_regex_single(gd_regex_parser *p);   /* a character, an escape or a dot */
gd_status gd_regex_caseless_item(
    gd_regex_parser *p); /* within (?i:..): a letter, an apostrophe, or [letters] */

#endif
