/* cli.h - what the files of the program share.  The program sees only guerdon.h of the library. */
#ifndef GD_CLI_CLI_H
#define GD_CLI_CLI_H

#include "cli/options.h"

#include <stdbool.h>
#include <stdio.h>

/* What to say where several files are meant. */
#define CLI_SEVERAL(flag) "for several files, put a pattern in quotes: --" flag " 'data/*.jsonl' or '{a,b}.jsonl'"

/* Exit statuses; scripts depend on them. */
enum {
    CLI_OK = 0,
    CLI_ITEMS = 1,         /* some items failed, the others were done; crosscheck: the sides don't agree */
    CLI_USAGE = 2,         /* the command line is wrong */
    CLI_UNUSABLE = 3,      /* a model, adapter, input or output can't be used */
    CLI_RESOURCE = 4,      /* out of memory or the like */
    CLI_INTERRUPTED = 130, /* SIGINT, as shells count it */
    CLI_TERMINATED = 143,  /* SIGTERM, likewise; only of train */
    CLI_PIPE = 141         /* SIGPIPE, likewise: whoever read standard output has enough, as in `| head -1` */
};

int cli_score(const cli_settings *settings);
int cli_tokenize(const cli_settings *settings);
int cli_rank(const cli_settings *settings);
int cli_filter(const cli_settings *settings);
int cli_inspect(const cli_settings *settings);
int cli_bench(const cli_settings *settings);
int cli_merge(const cli_settings *settings);
int cli_train(const cli_settings *settings);
#define CLI_NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-" /* of NAME= in a flag's value */
int cli_train_plan(const cli_settings *settings);                                    /* what inspect prints of a run */
int cli_eval(const cli_settings *settings);
int cli_compare(const cli_settings *settings);
int cli_crosscheck(const cli_settings *settings);
int cli_backends(const cli_settings *settings);
int cli_models(const cli_settings *settings);
int cli_serve(const cli_settings *settings);

/* help.c */
void cli_help(const cli_command *command); /* NULL: help for the whole program */
int cli_version(void);

/* report.c: prints a JSON object of the library as aligned lines, or unchanged if `raw`. */
int cli_show(const char *json, int raw);

/* train_lines.c: show the JSON of gd_train(), that of a plan on standard output, that of a run on standard error. */
int cli_train_show_plan(const char *json);
int cli_train_show_result(const char *json, const char *output);

/* What such a run means for the commands that come next. */
typedef struct cli_train_end {
    unsigned long long length; /* its max_length */
    unsigned long long
        too_long; /* records of the first set to evaluate on, or of the training data, with a longer text */
    bool best;    /* the folder best is there */
} cli_train_end;

cli_train_end cli_train_end_of(const char *json);

/* message.c */

/* Prints "guerdon: " and the message on standard error, with control characters, which a file name or an argument
 * may hold, replaced. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints `text` alone to any stream, with control characters replaced. */
void cli_print(FILE *stream, const char *text);

/* 1234567 as "1,234,567" in the caller's buffer. */
#define CLI_NUMBER_ROOM 32
const char *cli_number(char *buffer, unsigned long long value);

/* Seconds as "1:23:45" or "1:23" in such a buffer. */
const char *cli_time(char *buffer, double seconds);

/* Prints the library's error and returns the exit status for it. */
int cli_fail(gd_status rc, const gd_error *err);

/* Says that there is no memory, and returns the exit status for it. */
int cli_no_memory(void);

/* Flushes standard output; a full disk is an error, a closed pipe a status without a message. */
int cli_finish_output(void);

/* aliases.c: what other programs that train call a flag or a key. */
typedef struct cli_alias {
    const char *theirs; /* names, with blanks between them */
    const char *ours;   /* the name of a flag, or NULL: no flag does this */
    const char *same;   /* NULL, or the values, separated by |, that ask for what is done anyway; after a slash, those
                         * that do so where every weight learns */
    const char *why;    /* NULL, or more to say */
} cli_alias;
extern const cli_alias cli_aliases[];
extern const size_t cli_alias_count;
const cli_alias *cli_alias_find(const char *typed);

/* Whether the value asks for what is done anyway; `full`: every weight learns. */
bool cli_alias_is_done(const cli_alias *alias, const char *value, bool full);

/* Whether two names differ only in case, and in - and _. */
bool cli_same_name(const char *a, const char *b);

/* find_flag.c: the command's flag of this name, which ends at a =, or NULL; and a sentence that says what such a name,
 * perhaps with a value, means here. */
const cli_flag *cli_flag_named(const cli_command *command, const char *typed);
void cli_flag_refuse(const cli_command *command, const char *name, const char *value, bool full);

/* hints.c: what a flag that others call `typed` is called here, or NULL. */
const char *cli_hint(const char *typed);

/* Of the words that `next` returns for 0, 1, ... until NULL, the one that `typed` probably means, or NULL. */
const char *cli_closest(const char *typed, const char *(*next)(const void *context, size_t index), const void *context);

#endif
