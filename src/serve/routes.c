/* routes.c - where requests go. */
#include "serve/dialect.h"

const sv_route sv_routes[] = {
    /* the server itself */
    { "GET", "/", &sv_front, true },
    { "GET", "/health", &sv_health, true },
    { "GET", "/ping", &sv_ping, true },
    { "GET", "/metrics", &sv_metrics, false },
    { "GET", "/v1/models", &sv_models, false },
    { "GET", "/openapi.json", &sv_openapi, false },
    /* Guerdon's own */
    { "POST", "/v1/reward", &sv_reward, false },
    /* RL trainers */
    { "POST", "/get_reward", &sv_openrlhf, false },
    { "POST", "/rm", &sv_slime, false },
    { "POST", "/verify", &sv_gym, false },
    { "POST", "/seed_session", &sv_gym_seed, false },
    /* vLLM; SGLang and TEI share some of its paths */
    { "POST", "/classify", &sv_classify, false },
    { "POST", "/pooling", &sv_vllm_pooling, false },
    { "POST", "/score", &sv_score, false },
    { "POST", "/v1/score", &sv_score, false },
    { "POST", "/rerank", &sv_rerank, false },
    { "POST", "/v1/rerank", &sv_rerank, false },
    { "POST", "/v2/rerank", &sv_rerank, false },
    { "POST", "/tokenize", &sv_tokenize, false },
    /* SGLang */
    { "POST", "/v1/embeddings", &sv_sglang_embeddings, false },
    { "POST", "/v1/classify", &sv_sglang_classify, false },
    /* TEI */
    { "POST", "/predict", &sv_tei_predict, false },
    { "GET", "/info", &sv_tei_info, false },
};
const size_t sv_route_count = sizeof sv_routes / sizeof sv_routes[0];
