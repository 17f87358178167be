/* standin.h - a stand-in for NVIDIA's driver: the functions of driver.def, as a shared object with its name, which runs
 * kernels in the interpreter of tests/ptx.
 *
 * It does everything as late as a card may: what a stream is given waits in a queue until somebody waits for it; memory
 * that the card reads by itself is read then.  So a copy that nobody awaits has not arrived, and a buffer that is
 * filled again too early is wrong.  Memory comes filled with NaN, and device addresses are no host addresses.
 *
 * The environment says what it pretends to be:
 *   GD_STANDIN_PTX      folder with the kernels' PTX (what is in the library is for real cards)
 *   GD_STANDIN_CARD     compute capability: 90 (default), 80, 120 ...
 *   GD_STANDIN_RULE     tensor or tensor8: what its tensor cores do, if not what the capability says
 *   GD_STANDIN_MEMORY   bytes of its memory (default 2 GiB)
 *   GD_STANDIN_VERSION  of the driver: 13000 (default)
 *   GD_STANDIN_ORDER    of warps and lanes: ptx.h
 *   GD_STANDIN_FAIL     cuMemAlloc_v2:3[:2]: the third call of that function fails, with this error (default 719)
 *   GD_STANDIN_CALLS    a file to which the number of calls of each function is written at the end */
#ifndef GD_TESTS_STANDIN_H
#define GD_TESTS_STANDIN_H

#include "backends/cuda/driver.h"
#include "tests/ptx/ptx.h"

#include <stdbool.h>

/* ---- state, under one lock ---- */

void standin_enter(void);
void standin_leave(void);

/* Counts a call of a function; whether it has to fail, and with which error. */
bool standin_fails(const char *function, gd_cu_result *error);

const char *standin_setting(const char *name, const char *otherwise);

/* The sentence of the first fault of a kernel; NULL for none. */
const char *standin_fault(void);

/* ---- memory ---- */

gd_cu_address standin_alloc(size_t bytes);
bool standin_free(gd_cu_address address);
void standin_memory(size_t *unused, size_t *total);
void *standin_host(gd_cu_address address, size_t bytes); /* NULL: not memory of the card */
ptx_memory *standin_card_memory(void);
void *standin_pin(size_t bytes);
bool standin_unpin(void *memory);
bool standin_is_pinned(const void *memory);

/* ---- kernels ---- */

/* The library's images are not read: the first call loads all that is in the folder, for the others, too. */
gd_cu_result standin_load(void);
void standin_unload(void);
bool standin_has(const char *kernel);

typedef struct standin_launch {
    const char *kernel;
    unsigned grid[3], block[3], shared;
    unsigned char *params;
    size_t param_bytes;
} standin_launch;

gd_cu_result standin_run(const standin_launch *launch);

/* ---- streams ---- */

/* What a stream does next. */
typedef struct standin_task {
    enum { STANDIN_LAUNCH, STANDIN_TO_DEVICE, STANDIN_TO_HOST, STANDIN_FILL, STANDIN_RECORD, STANDIN_AWAIT } kind;
    standin_launch launch;
    gd_cu_address address;
    void *host;          /* of copies */
    unsigned char *copy; /* what was in memory that isn't pinned */
    size_t bytes;
    unsigned char value;
    gd_cu_event event;
    unsigned long number; /* of the event's recording */
    struct standin_task *next;
} standin_task;

gd_cu_stream standin_stream(void);
void standin_stream_free(gd_cu_stream stream);
gd_cu_event standin_event(void);
void standin_event_free(gd_cu_event event);
void standin_push(gd_cu_stream stream, const standin_task *task);
void standin_record(gd_cu_stream stream, gd_cu_event event);
void standin_await(gd_cu_stream stream, gd_cu_event event);

/* Do what is waiting; the first error that came up, which stays. */
gd_cu_result standin_finish(gd_cu_stream stream);
gd_cu_result standin_finish_event(gd_cu_event event);
gd_cu_result standin_finish_all(void);

#endif
