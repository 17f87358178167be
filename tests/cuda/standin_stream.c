/* standin_stream.c - streams and events: queues of what has not been done yet. */
#include "tests/cuda/standin.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_STREAMS = 16 };

struct gd_cu_stream_st {
    standin_task *first, **last;
    bool used;
};

/* Events may be recorded again before anybody waits: only the last recording counts then.  Tasks in queues refer to an
 * event that was destroyed: as a card's do, it goes with the last of them, and nobody waits for that. */
struct gd_cu_event_st {
    gd_cu_stream stream; /* of the last recording; NULL: none */
    unsigned long recorded, done;
    unsigned long tasks; /* in queues */
    bool destroyed;
};

static struct gd_cu_stream_st streams[MOST_STREAMS];
static gd_cu_result failed; /* stays, as a card's does */

gd_cu_stream standin_stream(void)
{
    for (size_t i = 0; i < MOST_STREAMS; i++)
        if (!streams[i].used) {
            streams[i] = (struct gd_cu_stream_st){ .used = true };
            streams[i].last = &streams[i].first;
            return &streams[i];
        }
    return NULL;
}

void standin_stream_free(gd_cu_stream stream)
{
    (void)standin_finish(stream);
    stream->used = false;
}

gd_cu_event standin_event(void) { return calloc(1, sizeof(struct gd_cu_event_st)); }

static void free_unused(gd_cu_event event)
{
    if (event->destroyed && !event->tasks)
        free(event);
}

void standin_event_free(gd_cu_event event)
{
    event->destroyed = true;
    free_unused(event);
}

void standin_push(gd_cu_stream stream, const standin_task *task)
{
    standin_task *own = malloc(sizeof *own);

    if (!own)
        abort();
    *own = *task;
    own->next = NULL;
    if (own->event)
        own->event->tasks++;
    *stream->last = own;
    stream->last = &own->next;
}

void standin_record(gd_cu_stream stream, gd_cu_event event)
{
    event->stream = stream;
    standin_push(stream, &(standin_task){ .kind = STANDIN_RECORD, .event = event, .number = ++event->recorded });
}

void standin_await(gd_cu_stream stream, gd_cu_event event)
{
    if (event->recorded)
        standin_push(stream, &(standin_task){ .kind = STANDIN_AWAIT, .event = event, .number = event->recorded });
}

static gd_cu_result copy(const standin_task *task)
{
    void *at = standin_host(task->address, task->bytes);

    if (!at)
        return 700; /* an illegal address */
    if (task->kind == STANDIN_TO_DEVICE)
        memcpy(at, task->copy ? task->copy : task->host, task->bytes);
    else if (task->kind == STANDIN_TO_HOST)
        memcpy(task->host, at, task->bytes);
    else
        memset(at, task->value, task->bytes);
    return 0;
}

static void discard(standin_task *task)
{
    if (task->event) {
        task->event->tasks--;
        free_unused(task->event);
    }
    free(task->launch.params);
    free(task->copy);
    free(task);
}

static gd_cu_result run_until(gd_cu_stream stream, gd_cu_event event, unsigned long number);

static gd_cu_result run(const standin_task *task)
{
    switch (task->kind) {
    case STANDIN_LAUNCH: return standin_run(&task->launch);
    case STANDIN_RECORD: task->event->done = task->number; return 0;
    case STANDIN_AWAIT:
        return task->event->done >= task->number ? 0 : run_until(task->event->stream, task->event, task->number);
    default: return copy(task);
    }
}

/* Until the event has been recorded so often; or all of it. */
static gd_cu_result run_until(gd_cu_stream stream, gd_cu_event event, unsigned long number)
{
    while (stream->first && !(event && event->done >= number)) {
        standin_task *task = stream->first;
        gd_cu_result rc;

        stream->first = task->next;
        if (!stream->first)
            stream->last = &stream->first;
        rc = failed ? failed : run(task);
        failed = failed ? failed : rc;
        if (failed && task->kind == STANDIN_RECORD)
            task->event->done = task->number;
        discard(task);
    }
    return failed;
}

gd_cu_result standin_finish(gd_cu_stream stream) { return run_until(stream, NULL, 0); }

gd_cu_result standin_finish_event(gd_cu_event event)
{
    return event->done < event->recorded ? run_until(event->stream, event, event->recorded) : failed;
}

gd_cu_result standin_finish_all(void)
{
    for (size_t i = 0; i < MOST_STREAMS; i++)
        if (streams[i].used)
            (void)standin_finish(&streams[i]);
    return failed;
}
