/* options.h - the command line: one table of flags, for parsing, checking and --help. */
#ifndef GD_CLI_OPTIONS_H
#define GD_CLI_OPTIONS_H

#include "guerdon.h"

#include <stdbool.h>

/* Which commands a flag belongs to. */
enum {
    CLI_CMD_SCORE = 1,
    CLI_CMD_TOKENIZE = 2,
    CLI_CMD_INSPECT = 4,
    CLI_CMD_BACKENDS = 8,
    CLI_CMD_BENCH = 16,
    CLI_CMD_RANK = 32,
    CLI_CMD_FILTER = 64,
    CLI_CMD_MERGE = 128,
    CLI_CMD_EVAL = 256,
    CLI_CMD_COMPARE = 512,
    CLI_CMD_TRAIN = 1024,
    CLI_CMD_CROSSCHECK = 2048,
    CLI_CMD_MODELS = 4096,
    CLI_CMD_SERVE = 8192,
    CLI_ENGINE = 16384 /* not a command: the flag says how to compute, and is listed after the others */
};

enum { CLI_LIST_MAX = 64 };

/* The values of a flag that may be given several times, in order. */
typedef struct cli_list {
    size_t count;
    const char *values[CLI_LIST_MAX];
} cli_list;

enum { CLI_SHARES_MAX = 1000000 };

/* Part `which`, from 1, of so many; all zero: not given. */
typedef struct cli_share {
    size_t which, of;
} cli_share;

/* Everything that a command line can set.  Zero is the default of every field but `format` and
 * `add_eos`. */
typedef struct cli_settings {
    gd_options options; /* up to from_scores, which takes their place: what describes a model and how to run it */
    size_t threads;
    int truncate;     /* a gd_truncate */
    int add_eos;      /* -1: not given; else the index of the choice */
    int share_prefix; /* 0 on, 1 off: the order of the choices */
    int dry_run;
    const char *from_scores;
    const char *input, *output, *fields, *keep;
    const char *json_file, *report, *only, *from;         /* bench; eval, compare and crosscheck also have a report */
    const char *by, *weights, *scores, *calibrate_output; /* eval */
    const char *pairs, *pairs_output, *group_by;          /* rank */
    const char *rejects;                                  /* filter */
    const char *left, *right, *right_model, *right_adapter, *save, *against; /* crosscheck */
    size_t first_texts;
    const char *host, *port, *served_name, *key_file, *tls_cert, *tls_key; /* serve */
    cli_list adapters;
    size_t max_queue, max_body, max_connections, timeout;
    gd_number min_score, min_margin, top_fraction, flip_below;
    size_t seconds, top, seed;
    cli_share shard;
    int format; /* -1: not given; else a gd_format */
    int skip_unscored;
    int resume, quiet, json, quick, help, with_texts, annotate, calibrate, full;
    gd_train_options train; /* but for what other commands have too: format, fields, output */
    cli_list evals;         /* train */
    const char *recipe;
    struct cli_recipe *recipe_memory; /* what the values from the recipe point into */
    size_t text_count;
    char **texts; /* the arguments that aren't flags: points into argv */
} cli_settings;

typedef enum cli_kind {
    CLI_TEXT,   /* const char *: any text */
    CLI_WORD,   /* const char *: one of the choices */
    CLI_CHOICE, /* int: the index of the choice */
    CLI_COUNT,  /* size_t: a whole number, at least 1 */
    CLI_NUMBER, /* gd_number: any finite number */
    CLI_SHARE,  /* cli_share: I/N, two whole numbers from 1, the first no larger than the second */
    CLI_SIZE,   /* size_t: bytes, with K, M, G or T for powers of 1024, KB and so on for those of 1000 */
    CLI_LIST,   /* cli_list: any texts, one for each time that the flag is given */
    CLI_SWITCH  /* int: 1 when given; takes no value */
} cli_kind;

typedef struct cli_flag {
    const char *name;
    const char *value; /* what --help calls the value; the choices, separated by |; NULL for a switch */
    const char *about;
    size_t offset; /* in cli_settings */
    cli_kind kind;
    unsigned commands;
} cli_flag;

/* One command.  `bit` says which rows of the flag table are its flags. */
typedef struct cli_command {
    const char *name;
    unsigned bit;
    const char *synopsis; /* what follows the name, one line per form */
    const char *about;    /* one line */
    const char *details;  /* paragraphs for --help, each line shorter than 80 */
    const char *examples;
} cli_command;

extern const cli_command cli_commands[];
extern const size_t cli_command_count;

enum { CLI_FLAGS_MAX = 128 };
extern const cli_flag cli_flags[];
extern const size_t cli_flag_count;

/* The heading of the flags with CLI_ENGINE. */
#define CLI_ENGINE_HEADING "Flags for how to compute, which most people can leave out"

/* Which rows of the flag table were given. */
typedef struct cli_given {
    char flag[CLI_FLAGS_MAX];
} cli_given;

/* Whether the member of the settings that this flag sets was set (several rows may set the same one), or that of a flag
 * with which this one can't be given: --max-steps stands in place of a recipe's epochs. */
bool cli_is_replaced(const cli_given *given, const cli_flag *flag);

/* Fills *settings from the arguments after the command's name, which stay the caller's, and, for flags not given, from
 * the recipe, if there is one, and then from the environment (GUERDON_MAX_LENGTH for --max-length).  Moves the texts to
 * the front of argv.  Reports a mistake and returns an exit status.  cli_forget() frees what *settings holds. */
int cli_parse(cli_settings *settings, const cli_command *command, int argc, char **argv);
void cli_forget(cli_settings *settings);

/* Where a value that is not from the command line stands. */
typedef struct cli_place {
    const char *file, *key; /* NULL for the command line and the environment */
    unsigned line, column;
} cli_place;

/* values.c: sets what the flag sets.  Reports a value that is wrong, and returns CLI_USAGE. */
int cli_set(cli_settings *settings, const cli_flag *flag, const char *value, const cli_place *place);

/* recipe.c: takes the flags that were not given from the file settings->recipe, and adds them to *given.  Returns an
 * exit status. */
int cli_recipe_read(cli_settings *settings, cli_given *given);
void cli_recipe_forget(struct cli_recipe *recipe);

/* effects.c */

/* Whether a list " a b ", which begins and ends with a blank, has this flag's name. */
bool cli_is_listed(const char *name, const char *list);

/* Reports a flag of the command line that would have no effect because of what the others say, and returns
 * CLI_USAGE.  In the environment and in a recipe, a flag is only a default. */
int cli_check_effects(const cli_settings *settings, const cli_command *command, const cli_given *given);

#endif
