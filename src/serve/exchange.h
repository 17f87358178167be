/* exchange.h - a request on its way through the server: what the client sent, what is scored for it, what goes back.
 *
 * A dialect is what the clients of one program speak.  It turns a body into items, and their results into an answer; it
 * knows nothing of connections, of waiting or of other requests. */
#ifndef GD_SERVE_EXCHANGE_H
#define GD_SERVE_EXCHANGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "guerdon.h"

/* An adapter of the model, or the model without one. */
typedef struct sv_adapter {
    const char *name;  /* by which it is asked for; NULL: it has none */
    const char *hash;  /* NULL: there is no adapter */
    size_t number;     /* gd_item.adapter */
    size_t max_length; /* tokens of a text */
} sv_adapter;

/* What the server knows of its model. */
typedef struct sv_info {
    const char *name;           /* under which it is served */
    sv_adapter own;             /* number 0: that of requests which name none */
    const sv_adapter *adapters; /* [adapter_count] all that have names */
    size_t adapter_count;
    size_t max_length;              /* tokens of a text */
    size_t max_items;               /* of one request */
    const char *const *label_names; /* [label_count] */
    size_t label_count;
    const char *model_hash;
    const char *version, *numerics, *precision;
    const char *compute; /* what computes: "cpu" or "gpu" */
    const gd_model *model;
    gd_status (*token)(const gd_model *model, size_t adapter, uint32_t id, gd_text *token, int *special, gd_error *err);
    bool has_chat; /* a chat format is known: conversations can be scored */
    bool has_steps;
} sv_info;

/* A header that an answer has, beside those of every answer. */
typedef struct sv_header {
    const char *name, *value;
    struct sv_header *next;
} sv_header;

struct sv_server;

typedef struct sv_exchange {
    const sv_info *info;
    const struct sv_dialect *dialect;
    const char *path;
    struct sv_server *server; /* of no use to a dialect of clients */
    json_t *body;             /* an object, or NULL: the request has no body */
    size_t adapter;           /* 0: the request names none; i + 1: info->adapters[i] */
    gd_items items;           /* what to score; without any, write() is called at once */
    void *state;              /* the dialect's own, from sv_alloc() */
    double arrived;           /* when the body was there, by the clock */
    gd_service_times times;   /* since then, for its scores */
    gd_arena memory;          /* lives until the answer has gone */
    int status;               /* 200 unless sv_refuse() was called */
    gd_buf answer;
    const char *content_type; /* application/json unless write() changes it */
    sv_header *headers;       /* from sv_put_header() */
    const char *policy;       /* what a page may load: Content-Security-Policy; or NULL */
} sv_exchange;

typedef struct sv_dialect {
    const char *name;              /* a label in metrics */
    int busy;                      /* the status that its clients expect where too much waits: 503 or 429 */
    bool (*read)(sv_exchange *x);  /* for sv_read(): makes the items; false: sv_refuse() has made the answer */
    void (*write)(sv_exchange *x); /* the answer, from the results; it may call sv_refuse() */
    void (*fail)(sv_exchange *x, int status, const char *sentence); /* the answer where something is wrong */
} sv_dialect;

/* Memory that lives as long as the exchange, all zero; NULL if there is none. */
void *sv_alloc(sv_exchange *x, size_t count, size_t size);

/* Replaces the answer by the dialect's way to say what is wrong.  Always false. */
bool sv_refuse(sv_exchange *x, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for want of memory. */
bool sv_refuse_memory(sv_exchange *x);

/* Makes the items, each for the adapter that the request names; false: the answer says why not. */
bool sv_read(sv_exchange *x);

/* The adapter that the request gets. */
const sv_adapter *sv_adapter_of(const sv_exchange *x);

/* For read(): what is asked for needs no body, and nothing is scored. */
bool sv_read_nothing(sv_exchange *x);

/* A string of JSON, or null for NULL. */
void sv_put_string(gd_buf *out, const char *text);

/* Room for so many items and their results, or sv_refuse() if the server accepts no more than info->max_items. The
 * items are written through the pointer that is returned, as many; NULL: refused. */
gd_item *sv_items(sv_exchange *x, size_t count);

/* Adds a header to the answer; without memory, there is none. */
void sv_put_header(sv_exchange *x, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The status for an item that failed: 400 (its text or its form is wrong), 500 (the model's score is not finite). */
int sv_item_status(const gd_item_result *result);

/* {"error":{"message":..,"type":..,"param":null,"code":STATUS}}, as OpenAI's clients read it. */
void sv_fail_openai(sv_exchange *x, int status, const char *sentence);

/* Starts and frees an exchange; what its members point to stays the caller's. */
void sv_exchange_init(sv_exchange *x, const sv_info *info, const sv_dialect *dialect, const char *path);
void sv_exchange_free(sv_exchange *x);

/* Where a request goes. */
typedef struct sv_route {
    const char *method, *path;
    const sv_dialect *dialect;
    bool open; /* needs no key */
} sv_route;

/* routes.c */
extern const sv_route sv_routes[];
extern const size_t sv_route_count;

/* The dialects of the server itself: own.c. */
extern const sv_dialect sv_health, sv_ping, sv_metrics, sv_models, sv_openapi, sv_front;

#endif
