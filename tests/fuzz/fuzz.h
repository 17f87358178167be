/* fuzz.h - what the fuzz targets share.
 *
 * A target gives a reader arbitrary bytes as its file, and asserts what must hold for each of them: a fault is reported
 * in a sentence, what was accepted can be used, no memory is left. With libFuzzer (configure CC=clang
 * --enable-sanitizers=fuzzer) its program invents inputs; otherwise replay.c runs it on the stored ones, in corpus/. */
#ifndef GD_TESTS_FUZZ_FUZZ_H
#define GD_TESTS_FUZZ_FUZZ_H

#include "tests/check.h"

#include <stdbool.h>

/* The target; always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A directory for the target's files, removed when the program exits. */
const char *fuzz_dir(void);

/* Writes a file of that name there, and returns its path, which the eighth call after this one overwrites. */
const char *fuzz_file(const char *name, const uint8_t *data, size_t size);

/* The same for a safetensors file. An input that begins with '{' is only a header: its length precedes it, and 64 bytes
 * follow. Few mutations of a whole file keep the length right. */
enum { FUZZ_TENSOR_BYTES = 64 };
const char *fuzz_tensors(const char *name, const uint8_t *data, size_t size);

/* A NUL-terminated copy of exactly size + 1 bytes, so that a reader that goes too far is caught; freed with free(). */
char *fuzz_text(const uint8_t *data, size_t size);

/* Whether a reader accepted the input; if not, asserts that it says why, and that it is not a lack of memory: no input
 * of this size needs much. */
bool fuzz_accepted(gd_status rc, const gd_error *err);

/* Asserts that the library has freed everything. Returns 0. */
int fuzz_end(void);

#endif
