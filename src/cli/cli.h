/* cli.h - what the files of the program share.  Of the library it knows what guerdon.h says, no more. */
#ifndef GD_CLI_CLI_H
#define GD_CLI_CLI_H

#include "cli/options.h"

#include <stdio.h>

/* How the program ends; scripts depend on these. */
enum {
    CLI_OK = 0,
    CLI_ITEMS = 1,        /* some items failed, the others were done */
    CLI_USAGE = 2,        /* the command line is wrong */
    CLI_UNUSABLE = 3,     /* a model, adapter, input or output can't be used */
    CLI_RESOURCE = 4,     /* out of memory or the like */
    CLI_INTERRUPTED = 130 /* SIGINT, as shells count it */
};

int cli_score(const cli_settings *settings);
int cli_tokenize(const cli_settings *settings);
int cli_rank(const cli_settings *settings);
int cli_filter(const cli_settings *settings);
int cli_inspect(const cli_settings *settings);
int cli_bench(const cli_settings *settings);
int cli_merge(const cli_settings *settings);
int cli_eval(const cli_settings *settings);
int cli_compare(const cli_settings *settings);
int cli_backends(const cli_settings *settings);

/* help.c */
void cli_help(const cli_command *command); /* NULL: of the program */
int cli_version(void);

/* report.c: shows a JSON object of the library as aligned lines, or as it is. */
int cli_show(const char *json, int raw);

/* message.c */

/* Prints "guerdon: " and the sentence on standard error, without the control characters that a file name or
 * an argument may hold. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for `text` alone, anywhere. */
void cli_print(FILE *stream, const char *text);

/* 1234567 as "1,234,567" in the caller's buffer. */
#define CLI_NUMBER_ROOM 32
const char *cli_number(char *buffer, unsigned long long value);

/* Says what the library said and gives the exit status for it. */
int cli_fail(gd_status rc, const gd_error *err);

/* Flushes standard output; a full disk or a closed pipe is an error, not a silence. */
int cli_finish_output(void);

/* Of the words w0, w1, ... that `next` gives until NULL, the one that `typed` is likely to mean, or NULL. */
const char *cli_closest(const char *typed, const char *(*next)(const void *context, size_t index), const void *context);

#endif
