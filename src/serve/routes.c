/* routes.c - where requests go. */
#include "serve/dialect.h"
#include "serve/exchange.h"

const sv_route sv_routes[] = {
    { "GET", "/health", &sv_health, true },         { "GET", "/ping", &sv_ping, true },
    { "GET", "/metrics", &sv_metrics, false },      { "GET", "/v1/models", &sv_models, false },
    { "GET", "/openapi.json", &sv_openapi, false }, { "POST", "/v1/reward", &sv_reward, false },
    { "POST", "/get_reward", &sv_openrlhf, false }, { "POST", "/rm", &sv_slime, false },
};
const size_t sv_route_count = sizeof sv_routes / sizeof sv_routes[0];
