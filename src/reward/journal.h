/* journal.h - a small file beside an unfinished output, OUTPUT.resume, that records what is done.
 *
 * It exists from before the first byte of the output until the run is complete, so an output without one is whole.  It
 * says how many items are done, and how long the outputs are with the lines of exactly these: a resumed run truncates
 * them to that length.  It is replaced atomically, and never gets ahead of the outputs: that is safe against a kill at
 * any moment, but not against a loss of power.  The run has it locked, so that no other one uses it. */
#ifndef GD_REWARD_JOURNAL_H
#define GD_REWARD_JOURNAL_H

#include "guerdon.h"

#include <stdbool.h>

enum { GD_JOURNAL_OUTPUTS = 3 };

/* What is done. */
typedef struct gd_journal_state {
    bool complete; /* everything, so the rest is of no account */
    uint64_t items;
    uint64_t digest;                     /* gd_record's, of the last of these items */
    uint64_t offset[GD_JOURNAL_OUTPUTS]; /* length of each output with their lines */
    gd_summary summary;                  /* of these items */
} gd_journal_state;

typedef struct gd_journal {
    char *path, *part;     /* NULL: the output is not a regular file, and cannot be resumed */
    char *aside;           /* OUTPUT.resume.found: where a command may keep intermediate results */
    bool has_aside;        /* then: it exists, and is removed with the journal */
    bool created;          /* by this run */
    int held, next;        /* the journal, and the file that is going to replace it, open and locked; or -1 */
    char *identity;        /* what the output depends on, a JSON object */
    gd_journal_state done; /* when the run began */
} gd_journal;

/* Whether an output has a journal: a regular file has, or one to be created; a pipe, a device, standard output not. */
bool gd_journal_applies(const char *output);

/* Sets the paths alone, and looks at nothing but the output: of a symbolic link, they are beside the file that it leads
 * to, which has other names. Free it even after a failure. */
gd_status gd_journal_name(gd_journal *journal, const char *output, gd_error *err);

/* The path of another file beside the output, in the same way; NULL if there can be none. Freed with gd_free(). */
gd_status gd_journal_beside(char **path, const char *output, const char *ending, gd_error *err);

/* Opens the journal of `output`, or creates one.  resume: an unfinished run continues where it stopped; without it, an
 * unfinished output is refused, not overwritten.  `identity` is a JSON object of strings and numbers, and must equal
 * the unfinished run's; its member "files" is an object with a string for each file.
 * Fails with GD_EUSAGE when the output or the identity is refused, and with GD_EIO, GD_EFORMAT and GD_ENOMEM; a journal
 * that another run has is GD_EIO. */
gd_status gd_journal_open(gd_journal *journal, const char *output, const char *identity, bool resume, gd_error *err);

/* Before a new run makes `aside`: GD_EUSAGE if a file of the user's has that name. A link is removed, not followed. */
gd_status gd_journal_clear_aside(const gd_journal *journal, gd_error *err);

/* Records what is done. */
gd_status gd_journal_save(gd_journal *journal, const gd_journal_state *state, gd_error *err);

/* The run is complete: removes the files. */
gd_status gd_journal_finish(gd_journal *journal, gd_error *err);

/* Removes what the run of a complete output may have left. */
gd_status gd_journal_discard(const char *output, gd_error *err);

/* Frees the memory; the file stays. The journal may be all zero. */
void gd_journal_free(gd_journal *journal);

#endif
