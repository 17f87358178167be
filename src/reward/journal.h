/* journal.h - a small file beside an unfinished output, OUTPUT.resume, that records what is done.
 *
 * It exists from before the first byte of the output until the run is complete, so an output without one is whole.  It
 * says how many items are done, and how long the outputs are with the lines of exactly these: a resumed run truncates
 * them to that length.  It is replaced atomically, and never gets ahead of the outputs: that is safe against a kill at
 * any moment, but not against a loss of power. */
#ifndef GD_REWARD_JOURNAL_H
#define GD_REWARD_JOURNAL_H

#include "guerdon.h"

#include <stdbool.h>

enum { GD_JOURNAL_OUTPUTS = 3 };

typedef struct gd_journal {
    char *path, *part;                   /* NULL: the output is not a regular file, and cannot be resumed */
    char *aside;                         /* OUTPUT.resume.found: where a command may keep intermediate results */
    bool has_aside;                      /* then: it exists, and is removed with the journal */
    char *identity;                      /* what the output depends on, a JSON object */
    bool complete;                       /* the run being resumed was already complete */
    uint64_t items;                      /* number done */
    uint64_t offset[GD_JOURNAL_OUTPUTS]; /* length of each output with their lines */
    gd_summary summary;                  /* of these items */
} gd_journal;

/* Opens the journal of `output`, or creates one.  resume: an unfinished run continues where it stopped; without it, an
 * unfinished output is refused, not overwritten.  `identity` is a JSON object of strings and numbers, and must equal
 * the unfinished run's.
 * Fails with GD_EUSAGE when the output or the identity is refused, and with GD_EIO, GD_EFORMAT and GD_ENOMEM. */
gd_status gd_journal_open(gd_journal *journal, const char *output, const char *identity, bool resume, gd_error *err);

/* Records that `items` are done, and how long the outputs are with their lines. */
gd_status gd_journal_save(gd_journal *journal, uint64_t items, const uint64_t *offsets, const gd_summary *summary,
                          gd_error *err);

/* The run is complete: removes the file. */
void gd_journal_finish(gd_journal *journal);

/* Frees the memory; the file stays. The journal may be all zero. */
void gd_journal_free(gd_journal *journal);

#endif
