/* exchange.c - what all dialects do with a request. */
#include "serve/exchange.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *sv_alloc(sv_exchange *x, size_t count, size_t size)
{
    return gd_arena_alloc(&x->memory, count ? count : 1, size);
}

bool sv_refuse(sv_exchange *x, int status, const char *format, ...)
{
    char sentence[1024];
    va_list values;

    va_start(values, format);
    (void)vsnprintf(sentence, sizeof sentence, format, values);
    va_end(values);
    gd_printable(sentence); /* a name in it may be cut within a character */
    x->status = status;
    gd_buf_clear(&x->answer);
    x->content_type = "application/json";
    x->headers = NULL;
    x->policy = NULL;
    x->dialect->fail(x, status, sentence);
    return false;
}

bool sv_refuse_memory(sv_exchange *x) { return sv_refuse(x, 503, "out of memory for this request; try again later"); }

bool sv_read_nothing(sv_exchange *x)
{
    (void)x;
    return true;
}

void sv_put_string(gd_buf *out, const char *text)
{
    if (text)
        gd_buf_json_string(out, text, strlen(text));
    else
        gd_buf_str(out, "null");
}

gd_item *sv_items(sv_exchange *x, size_t count)
{
    gd_item *items;

    if (count > x->info->max_items) {
        (void)sv_refuse(x, 413, "the request has %zu items, but at most %zu are accepted", count, x->info->max_items);
        return NULL;
    }
    items = sv_alloc(x, count, sizeof *items);
    x->items.results = items ? sv_alloc(x, count, sizeof *x->items.results) : NULL;
    if (!x->items.results) {
        (void)sv_refuse_memory(x);
        return NULL;
    }
    x->items.items = items;
    x->items.count = count;
    return items;
}

const sv_adapter *sv_adapter_of(const sv_exchange *x)
{
    return x->adapter ? &x->info->adapters[x->adapter - 1] : &x->info->own;
}

/* The items are in the exchange's own memory: sv_items(). */
bool sv_read(sv_exchange *x)
{
    gd_item *items;

    if (!x->dialect->read(x))
        return false;
    items = (gd_item *)x->items.items;
    for (size_t i = 0; i < x->items.count; i++)
        items[i].adapter = sv_adapter_of(x)->number;
    return true;
}

void sv_put_header(sv_exchange *x, const char *name, const char *format, ...)
{
    char value[64];
    sv_header *header = sv_alloc(x, 1, sizeof *header);
    va_list values;

    va_start(values, format);
    (void)vsnprintf(value, sizeof value, format, values);
    va_end(values);
    if (header)
        *header = (sv_header){ name, gd_arena_strndup(&x->memory, value, strlen(value)), x->headers };
    if (header && header->value)
        x->headers = header;
    else
        x->answer.failed = true;
}

/* The sentence ends so; elsewhere in it, the words may be the client's. */
static bool is_of_model(const char *error)
{
    static const char end[] = "the model's score is not finite";
    const size_t len = strlen(error);

    return len >= strlen(end) && !strcmp(error + len - strlen(end), end);
}

int sv_item_status(const gd_item_result *result)
{
    return result->status == GD_EFORMAT && result->error && is_of_model(result->error) ? 500 : 400;
}

/* The kinds of OpenAI's errors. */
static const char *type_of(int status)
{
    return status == 401                    ? "authentication_error"
           : status == 404                  ? "not_found_error"
           : status == 429 || status == 503 ? "overloaded_error"
           : status >= 500                  ? "server_error"
                                            : "invalid_request_error";
}

void sv_fail_openai(sv_exchange *x, int status, const char *sentence)
{
    gd_buf_str(&x->answer, "{\"error\":{\"message\":");
    sv_put_string(&x->answer, sentence);
    gd_buf_printf(&x->answer, ",\"type\":\"%s\",\"param\":null,\"code\":%d}}", type_of(status), status);
}

void sv_exchange_init(sv_exchange *x, const sv_info *info, const sv_dialect *dialect, const char *path)
{
    *x = (sv_exchange){ .info = info, .dialect = dialect, .path = path, .status = 200, .arrived = gd_clock() };
    x->content_type = "application/json";
    gd_items_init(&x->items);
}

void sv_exchange_free(sv_exchange *x)
{
    gd_items_free_results(&x->items);
    json_decref(x->body);
    gd_buf_free(&x->answer);
    gd_arena_free(&x->memory);
}
