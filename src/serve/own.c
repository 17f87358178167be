/* own.c - what the server says of itself. */
#include "serve/inside.h"
#include "serve/page.h"

#include "base/error.h"

#include <string.h>

/* Under the lock, for the service goes when the server closes. */
static gd_service_stats stats_of(sv_server *server, bool *open)
{
    gd_service_stats stats;

    gd_service_stats_init(&stats);
    (void)pthread_mutex_lock(&server->lock);
    *open = server->service && !server->closing && !server->broken;
    if (server->service)
        (void)gd_service_stats_get(server->service, &stats, NULL);
    (void)pthread_mutex_unlock(&server->lock);
    return stats;
}

static void write_health(sv_exchange *x)
{
    bool open;
    const gd_service_stats stats = stats_of(x->server, &open);

    if (!open) {
        (void)sv_refuse(x, 503, "the server is closing, or its model has failed");
        return;
    }
    gd_buf_printf(&x->answer, "{\"status\":\"ok\",\"waiting\":%llu}", (unsigned long long)stats.waiting_requests);
}

static void write_metrics(sv_exchange *x)
{
    bool open;
    const gd_service_stats stats = stats_of(x->server, &open);

    x->content_type = "text/plain; version=0.0.4; charset=utf-8";
    sv_metrics_write(&x->server->metrics, &stats, &x->answer);
}

static void put_model(gd_buf *out, const char *id, size_t max_length, const char *parent)
{
    gd_buf_str(out, "{\"id\":");
    sv_put_string(out, id);
    gd_buf_str(out, ",\"object\":\"model\",\"created\":0,\"owned_by\":\"guerdon\",\"parent\":");
    sv_put_string(out, parent);
    gd_buf_printf(out, ",\"max_model_len\":%zu}", max_length);
}

static void write_models(sv_exchange *x)
{
    const sv_info *info = x->info;

    gd_buf_str(&x->answer, "{\"object\":\"list\",\"data\":[");
    put_model(&x->answer, info->name, info->max_length, NULL);
    for (size_t i = 0; i < info->adapter_count; i++) {
        gd_buf_str(&x->answer, ",");
        put_model(&x->answer, info->adapters[i].name, info->adapters[i].max_length, info->name);
    }
    gd_buf_str(&x->answer, "]}");
}

/* One path may have several methods. */
static void put_path(gd_buf *out, size_t first)
{
    sv_put_string(out, sv_routes[first].path);
    gd_buf_str(out, ":{");
    for (size_t i = first, n = 0; i < sv_route_count; i++)
        if (!strcmp(sv_routes[i].path, sv_routes[first].path)) {
            const bool post = !strcmp(sv_routes[i].method, "POST");

            gd_buf_printf(out, "%s\"%s\":{\"operationId\":\"%s%s\",\"tags\":[\"%s\"],", n++ ? "," : "",
                          post ? "post" : "get", post ? "post" : "get", sv_routes[i].path, sv_routes[i].dialect->name);
            if (sv_routes[i].open)
                gd_buf_str(out, "\"security\":[],");
            if (post)
                gd_buf_str(out, "\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{"
                                "\"type\":\"object\"}}}},");
            gd_buf_str(out, "\"responses\":{\"200\":{\"description\":\"the answer\"},\"default\":{\"description\":"
                            "\"what is wrong, in a sentence\"}}}");
        }
    gd_buf_str(out, "}");
}

static bool is_first(size_t route)
{
    for (size_t i = 0; i < route; i++)
        if (!strcmp(sv_routes[i].path, sv_routes[route].path))
            return false;
    return true;
}

static void write_openapi(sv_exchange *x)
{
    gd_buf_printf(
        &x->answer,
        "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Guerdon\",\"version\":\"%s\",\"description\":"
        "\"A reward model. The bodies of each path: doc/serving-dialects.md\"},\"components\":{"
        "\"securitySchemes\":{\"key\":{\"type\":\"http\",\"scheme\":\"bearer\"}}},\"security\":[{\"key\":[]}],"
        "\"paths\":{",
        x->info->version);
    for (size_t i = 0; i < sv_route_count; i++)
        if (is_first(i)) {
            gd_buf_str(&x->answer, i ? "," : "");
            put_path(&x->answer, i);
        }
    gd_buf_str(&x->answer, "}}");
}

static void write_front(sv_exchange *x)
{
    x->content_type = "text/html; charset=utf-8";
    x->policy = sv_page_policy;
    gd_buf_bytes(&x->answer, sv_page, sv_page_size);
}

/* clang-format off */
#define OWN(what) { #what, 503, sv_read_nothing, write_##what, sv_fail_openai }
/* clang-format on */

const sv_dialect sv_health = OWN(health);
const sv_dialect sv_ping = { "ping", 503, sv_read_nothing, write_health, sv_fail_openai };
const sv_dialect sv_metrics = OWN(metrics);
const sv_dialect sv_models = OWN(models);
const sv_dialect sv_openapi = OWN(openapi);
const sv_dialect sv_front = OWN(front);
