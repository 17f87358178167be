/* dialect.h - what the dialects have in common: reading a body's fields, making items of texts, writing scores.
 *
 * A function that returns bool is false after sv_refuse().  A field that is null counts as absent. */
#ifndef GD_SERVE_DIALECT_H
#define GD_SERVE_DIALECT_H

#include "judge/ranking.h"
#include "serve/exchange.h"

/* ---- fields of the body: dialect_fields.c ---- */

const json_t *sv_field(const sv_exchange *x, const char *key); /* NULL: absent */

/* These leave *value as it is where the field is absent. */
bool sv_bool(sv_exchange *x, const char *key, bool *value);
bool sv_whole(sv_exchange *x, const char *key, int64_t min, int64_t max, int64_t *value);
bool sv_name(sv_exchange *x, const char *key, const char **value); /* a string without NUL characters */

/* One of the names in a list that NULL ends; *value is the list's. */
bool sv_one_of(sv_exchange *x, const char *key, const char *const *names, const char **value);

/* A list that must be there, of at most info->max_items elements. */
bool sv_list(sv_exchange *x, const char *key, const json_t **list);

/* Fields that would change a score and can't be served: refused, with the reason, if they request anything. */
typedef struct sv_unserved {
    const char *field, *reason; /* "the chat format is the server's": follows the field's name */
} sv_unserved;
bool sv_refuse_fields(sv_exchange *x, const sv_unserved *fields); /* a NULL field ends them */

/* The field selects a dialect, in which the others would be dropped in silence: they are refused. */
bool sv_refuse_beside(sv_exchange *x, const char *field, const char *const *others);

/* ---- items: dialect_items.c ---- */

/* Finds an adapter by its name, for sv_exchange.adapter. */
bool sv_find_adapter(const sv_exchange *x, const char *name, size_t *adapter);

/* The field "model": the name of an adapter; of the model; or, if the server has no adapters to confuse it with, of
 * anything, as clients send what their own server would have had. */
bool sv_read_model(sv_exchange *x);

/* Which name answers carry. */
const char *sv_model_name(const sv_exchange *x);

/* A text, or a list of token ids; `name` is the field, for sentences. */
bool sv_read_part(sv_exchange *x, const json_t *value, const char *name, gd_part *part);
bool sv_read_text(sv_exchange *x, const json_t *value, const char *name, gd_text *text);

/* Several of them. */
typedef struct sv_parts {
    gd_part *parts;
    size_t count;
    bool alone; /* it was one text or one list of ids, not a list of them */
} sv_parts;

/* "a", ["a", ..], [1, ..] or [[1, ..], ..]. */
bool sv_read_parts(sv_exchange *x, const json_t *value, const char *name, sv_parts *parts);

/* The elements of a list, each a text or ids. */
bool sv_read_elements(sv_exchange *x, const json_t *list, const char *name, sv_parts *parts);

/* Makes an item of each part; `like` has what they have in common. */
bool sv_items_of(sv_exchange *x, const sv_parts *parts, const gd_item *like);

/* Makes one item of all parts: answers to the prompt. Without parts there is none. */
bool sv_answers_to(sv_exchange *x, const gd_part *prompt, const sv_parts *parts, const gd_item *like);

/* A question as a prompt: the user's turn if the model has a chat format, else a text to which answers are joined. */
bool sv_question(sv_exchange *x, gd_text question, gd_part *prompt);

/* A value as an item of the kind GD_ITEM_RECORD; it must be an object. */
bool sv_record(sv_exchange *x, const json_t *value, const char *name, gd_item *item);

/* vLLM's truncate_prompt_tokens and truncation_side. */
bool sv_read_truncation(sv_exchange *x, gd_item *like);

/* ---- answers: dialect_answer.c ---- */

typedef struct sv_scores {
    float *scores; /* [count] of all items' parts, in their order */
    size_t *tokens;
    size_t count, all_tokens;
} sv_scores;

/* The scores of all items, or sv_refuse() with what is wrong with the first that has none; `name` is the field that
 * they come from. With `sigmoid`, they are mapped to 0..1. */
bool sv_take_scores(sv_exchange *x, const char *name, bool sigmoid, sv_scores *all);

float sv_sigmoid(float score);

/* Ranks finite scores; after success, gd_ranking_free(). */
bool sv_rank(sv_exchange *x, const float *scores, size_t count, gd_ranking *ranking);

/* "id":"PREFIX-..","object":"OBJECT","created":1764547200,"model":".." */
void sv_put_head(sv_exchange *x, const char *prefix, const char *object, const char *model);

/* ,"usage":{"prompt_tokens":..} as vLLM writes it. */
void sv_put_usage(sv_exchange *x, size_t tokens);

/* {"detail":SENTENCE}, as FastAPI writes it. */
void sv_fail_detail(sv_exchange *x, int status, const char *sentence);

/* {"object":"error","message":SENTENCE,..}, as SGLang writes it. */
void sv_fail_sglang(sv_exchange *x, int status, const char *sentence);

/* {"error":SENTENCE,"error_type":..}, as TEI writes it, with the statuses that it has for the same: dialect_tei.c. */
void sv_fail_tei(sv_exchange *x, int status, const char *sentence);

/* The same for a path that TEI's clients share with others, who are answered as OpenAI's are.  They wait at 429, where
 * the others do at 503. */
void sv_fail_shared(sv_exchange *x, bool tei, int status, const char *sentence);

/* TEI's headers with sizes and times. */
void sv_put_tei_headers(sv_exchange *x, const sv_scores *all);

/* TEI's truncate and truncation_direction, its raw_scores. */
bool sv_read_tei(sv_exchange *x, gd_item *like, bool *raw);

/* SGLang's own /classify, which shares its path with vLLM's: dialect_sglang.c. */
bool sv_is_sglang_classify(const sv_exchange *x);
bool sv_read_sglang_classify(sv_exchange *x);
void sv_write_sglang_classify(sv_exchange *x);

/* ---- the dialects ---- */

extern const sv_dialect sv_reward;                                /* dialect_reward.c */
extern const sv_dialect sv_openrlhf, sv_slime;                    /* dialect_training.c */
extern const sv_dialect sv_classify, sv_vllm_pooling;             /* dialect_classify.c */
extern const sv_dialect sv_score;                                 /* dialect_score.c: vLLM's, and SGLang's */
extern const sv_dialect sv_rerank;                                /* dialect_rerank.c: vLLM's, and TEI's */
extern const sv_dialect sv_sglang_embeddings, sv_sglang_classify; /* dialect_sglang.c */
extern const sv_dialect sv_tei_predict, sv_tei_info;              /* dialect_tei.c */
extern const sv_dialect sv_gym, sv_gym_seed;                      /* dialect_gym.c */
extern const sv_dialect sv_tokenize;                              /* dialect_tokenize.c: vLLM's, and TEI's */

#endif
