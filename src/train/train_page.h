/* train_page.h - the page of a training run: curves, evaluations, data, settings. */
#ifndef GD_TRAIN_TRAIN_PAGE_H
#define GD_TRAIN_TRAIN_PAGE_H

#include "base/json.h"

/* Makes the page from the logs so far (outcome.h says what they are); while the run goes on, a browser that shows it
 * loads it again every few seconds.  A line of the log, or run, with "stopped", true or a reason, says that the run
 * ended early.  The caller frees *html; NULL on failure, which is for lack of memory only. */
gd_status gd_train_page(char **html, const json_t *run, const json_t *log, const json_t *times, gd_error *err);

#endif
