/* routes.c - where requests go. */
#include "serve/exchange.h"

const sv_route sv_routes[] = {
    { "GET", "/health", &sv_health, true },
    { "GET", "/ping", &sv_ping, true },
    { "GET", "/metrics", &sv_metrics_dialect, false },
    { "GET", "/v1/models", &sv_models, false },
    { "GET", "/openapi.json", &sv_openapi, false },
};
const size_t sv_route_count = sizeof sv_routes / sizeof sv_routes[0];
