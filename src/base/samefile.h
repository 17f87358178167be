/* samefile.h - whether two paths lead to one file, whatever names and links they go through.  Nothing is allocated: a
 * lack of memory must not let a file be overwritten. */
#ifndef GD_BASE_SAMEFILE_H
#define GD_BASE_SAMEFILE_H

#include <limits.h>
#include <stdbool.h>

/* The absolute path without links.  The file need not exist, but its directory must; else false, and *out is the path
 * as it is, or its beginning. */
bool gd_path_real(char out[PATH_MAX], const char *path);

/* Whether both are one regular file, or would be: of two that don't exist yet, the real paths are compared.  Pipes and
 * devices may be used twice.  "-" is standard output. */
bool gd_same_file(const char *a, const char *b);

/* The same of an output and an input, of which "-" is standard input. */
bool gd_same_as_input(const char *output, const char *input);

/* The descriptor that an output's name stands for: "-", /dev/stdout, /dev/stderr, or /dev/fd/3 of any number; -1: it is
 * the name of a file.  Opened again, a file that the descriptor leads to would be overwritten from its beginning. */
int gd_output_fd(const char *path);
bool gd_is_stdout(const char *path);

/* Whether a file is in the directory or below it, or is one of the directory's entries under another name: a link, or
 * what a link there leads to; if its name there counts.  The file need not exist. */
bool gd_dir_holds(const char *dir, const char *path, bool (*counts)(const char *name));

#endif
