/* output.h - files that a command writes when it has its result: opened before the run, because a file that can't be
 * written should not cost it. What is in one stays until there is more. */
#ifndef GD_CLI_OUTPUT_H
#define GD_CLI_OUTPUT_H

/* *fd becomes -1 without a path, and for "-", which is standard output. All three give an exit status. */
int cli_output_open(const char *path, int *fd);
int cli_output_write(const char *path, int fd, const char *text); /* without a path nothing */

/* Closes in any case; `status` when that is a failure already, and then an empty file is removed. */
int cli_output_close(const char *path, int fd, int status);

#endif
