/* train_charts.h - the charts of a training run's page. */
#ifndef GD_TRAIN_TRAIN_CHARTS_H
#define GD_TRAIN_TRAIN_CHARTS_H

#include "base/buf.h"
#include "train/outcome.h"

/* The steps over which a figure of a run is averaged now: a quarter of them, but at least 4 and at most
 * 50, as far as there are so many. */
size_t gd_train_window(size_t steps);

/* A section with a chart for each metric of which there is a value. */
void gd_train_charts(gd_buf *b, const gd_outcome *outcome);

#endif
