/* markdown.h - text of any kind inside Markdown and shell commands. */
#ifndef GD_TRAIN_MARKDOWN_H
#define GD_TRAIN_MARKDOWN_H

#include "base/json.h"

/* Text of one line, in a paragraph or in a cell of a table: what Markdown or HTML would read as markup is escaped, and
 * line breaks and control characters become blanks. */
void gd_markdown_text(gd_buf *b, const char *text);

/* A word of a shell's command line inside a block of code: quoted if need be, control characters as blanks. */
void gd_markdown_word(gd_buf *b, const char *word);

/* A value of JSON as text: "none" for null, a list's texts separated by commas. */
void gd_markdown_value(gd_buf *b, const json_t *value);

/* A number with commas between thousands, rounded to a whole one. */
void gd_markdown_count(gd_buf *b, double value);

/* A curve as a line of blocks of eight heights. */
void gd_markdown_spark(gd_buf *b, const double *values, size_t count);

#endif
