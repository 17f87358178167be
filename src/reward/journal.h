/* journal.h - what an unfinished run has done, in a small file beside its output: OUTPUT.resume.
 *
 * It is there from before the first byte of the output until the run is complete, so that whoever finds an output
 * without one knows that it is whole.  It says how many items are done, and how long the outputs are with the lines of
 * just these: a run that goes on cuts them there.  It is replaced in one step, and never ahead of the outputs; that is
 * safe against a kill at any moment, not against a loss of power. */
#ifndef GD_REWARD_JOURNAL_H
#define GD_REWARD_JOURNAL_H

#include "guerdon.h"

#include <stdbool.h>

enum { GD_JOURNAL_OUTPUTS = 3 };

typedef struct gd_journal {
    char *path, *part; /* NULL: the output is no file, and there is nothing to go on with */
    char *aside;       /* OUTPUT.resume.found: a command's own output, which goes when the journal does, if ... */
    bool has_aside;    /* ... there is one */
    char *identity;    /* what the output depends on, a JSON object */
    bool complete;     /* the run was asked to go on, and there is nothing left to do */
    uint64_t items;    /* that are done */
    uint64_t offset[GD_JOURNAL_OUTPUTS]; /* bytes of each output with their lines */
    gd_summary summary;                  /* of these items */
} gd_journal;

/* Opens the journal of `output`, or makes one.  resume: an unfinished run is taken up where it was; without it, its
 * output is not written over.  `identity` is a JSON object of strings and numbers, and must be the unfinished run's.
 * Fails with GD_EUSAGE when one of these is not as it must be, with GD_EIO, GD_EFORMAT and GD_ENOMEM. */
gd_status gd_journal_open(gd_journal *journal, const char *output, const char *identity, bool resume, gd_error *err);

/* Notes that so much is done. */
gd_status gd_journal_save(gd_journal *journal, uint64_t items, const uint64_t *offsets, const gd_summary *summary,
                          gd_error *err);

/* The run is complete: removes the file. */
void gd_journal_finish(gd_journal *journal);

/* Frees what it holds; the file stays. All zero is fine. */
void gd_journal_free(gd_journal *journal);

#endif
