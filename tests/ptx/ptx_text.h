/* ptx_text.h - PTX as a sequence of tokens. */
#ifndef GD_TESTS_PTX_TEXT_H
#define GD_TESTS_PTX_TEXT_H

#include "tests/ptx/ptx.h"

typedef enum ptx_kind {
    PTX_TOKEN_END,
    PTX_TOKEN_NAME,   /* also opcodes with their modifiers, directives, registers and labels */
    PTX_TOKEN_NUMBER, /* its bits: of an integer, or of 0f and 0d */
    PTX_TOKEN_STRING,
    PTX_TOKEN_SIGN /* one character */
} ptx_kind;

enum { PTX_NAME = 256 };

typedef struct ptx_token {
    ptx_kind kind;
    char name[PTX_NAME];
    char sign;
    uint64_t number;
} ptx_token;

/* Reads one token ahead. */
typedef struct ptx_reader {
    const char *at;
    unsigned line;     /* of the token */
    unsigned end_line; /* where reading has come to */
    ptx_token token;
    bool failed;
    ptx_error *err;
    const char *entry; /* for errors; NULL outside of entries */
} ptx_reader;

void ptx_read_begin(ptx_reader *r, const char *text, ptx_error *err);

/* Goes on to the next token. */
void ptx_read_next(ptx_reader *r);

/* Whether the token is this sign, or this name; if so, it is passed. */
bool ptx_take_sign(ptx_reader *r, char sign);
bool ptx_take_name(ptx_reader *r, const char *name);

/* The same, where anything else is an error. */
bool ptx_want_sign(ptx_reader *r, char sign);
bool ptx_want_name(ptx_reader *r, char out[PTX_NAME]);
bool ptx_want_number(ptx_reader *r, uint64_t *out);

/* Keeps the first fault; returns false. */
__attribute__((format(printf, 2, 3))) bool ptx_fail(ptx_reader *r, const char *format, ...);

#endif
