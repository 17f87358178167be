/* output.h - files that a command writes once it has its result: opened before the run, so that a file that can't be
 * written doesn't waste it. An existing file keeps its content until the result is written. */
#ifndef GD_CLI_OUTPUT_H
#define GD_CLI_OUTPUT_H

#include "guerdon.h"

/* What gd_check_outputs() says, before any of the files is opened; returns an exit status. options: NULL for none. */
int cli_output_check(const gd_options *options, const char *const inputs[3], const char *const outputs[3]);

/* *fd becomes -1 without a path, and for standard output, whatever its name. All three functions return an exit
 * status. */
int cli_output_open(const char *path, int *fd);
int cli_output_write(const char *path, int fd, const char *text); /* does nothing without a path */

/* Closes the file. If `status` is already a failure, returns it, and removes the file if it is empty. */
int cli_output_close(const char *path, int fd, int status);

#endif
