/* files.h - a temporary directory for a test, and files in it. Every function fails the test itself if it
 * cannot do its job. */
#ifndef GD_TESTS_QUANT_FREE_FILES_H
#define GD_TESTS_QUANT_FREE_FILES_H

#include "guerdon.h"

#include <stdbool.h>

/* cmocka's set-up and tear-down: *state becomes the path of an empty directory, which is removed with its
 * contents. */
int dir_setup(void **state);
int dir_teardown(void **state);

/* dir/name; the result is overwritten by the eighth call after this one. */
const char *in_dir(const char *dir, const char *name);

void write_bytes(const char *dir, const char *name, const void *data, size_t len);
void write_text(const char *dir, const char *name, const char *text);

/* A safetensors file: the length, the header and `data_len` bytes 0, 1, 2, ... */
void write_st(const char *dir, const char *name, const char *header, size_t data_len);

/* Copies one file of tests/data to dir/name. */
void copy_data(const char *dir, const char *name, const char *data_name);

/* Makes a directory dir/name, and returns its path as in_dir does. */
const char *make_dir(const char *dir, const char *name);

/* True if the outcome is as expected: success for "", else a failure with the message "PATH: WANT" (just WANT
 * if path is NULL). Prints the difference with the case's id, so that a table runs to its end. */
bool said(const char *id, const char *path, gd_status rc, const gd_error *err, const char *want);

/* Removes dir/name, if it exists. */
void remove_file(const char *dir, const char *name);

#endif
