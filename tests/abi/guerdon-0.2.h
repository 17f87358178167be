/* guerdon.h of version 0.2.0 without its comments, as make_header.sh printed it: what a program that was
 * compiled then knows.  It never changes. */
#ifndef GUERDON_H
#define GUERDON_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#define GD_API __attribute__((visibility("default")))
#else
#define GD_API
#endif
#define GD_VERSION "0.2.0"
#define GD_VERSION_NUMBER 200
GD_API const char *gd_version(void);
GD_API unsigned gd_version_number(void);
typedef enum gd_status {
    GD_OK = 0,
    GD_EUSAGE,
    GD_EIO,
    GD_EFORMAT,
    GD_EUNSUPPORTED,
    GD_ETOOLONG,
    GD_EITEM,
    GD_ENOMEM,
    GD_EINTERRUPTED
} gd_status;
typedef struct gd_error {
    gd_status status;
    char text[508];
} gd_error;
typedef struct gd_text {
    const char *data;
    size_t len;
} gd_text;
typedef enum gd_truncate {
    GD_TRUNCATE_ERROR = 0,
    GD_TRUNCATE_LEFT,
    GD_TRUNCATE_RIGHT,
    GD_TRUNCATE_DROP,
    GD_TRUNCATE_OLDEST_TURNS
} gd_truncate;
typedef enum gd_add_eos { GD_ADD_EOS_NEVER = 0, GD_ADD_EOS_AUTO, GD_ADD_EOS_ALWAYS } gd_add_eos;
typedef struct gd_options {
    size_t struct_size;
    const char *model;
    const char *adapter;
    const char *precision;
    const char *numerics;
    const char *backend;
    const char *isa;
    const char *graph;
    unsigned threads;
    size_t memory;
    size_t batch_tokens;
    int no_share_prefix;
    size_t max_length;
    gd_truncate truncate;
    gd_add_eos add_eos;
    const char *chat_format;
    const char *normalize;
    const char *activation;
} gd_options;
#define gd_options_init(options) gd_options_init_sized((options), sizeof *(options))
GD_API void gd_options_init_sized(gd_options *options, size_t struct_size);
typedef struct gd_model gd_model;
GD_API gd_status gd_model_open(gd_model **out, const gd_options *options, gd_error *err);
GD_API void gd_model_close(gd_model *model);
GD_API gd_status gd_score(gd_model *model, size_t count, const gd_text *texts, float *scores, size_t *tokens,
                          gd_error *err);
typedef struct gd_progress {
    size_t struct_size;
    int (*report)(void *context, uint64_t items_done, uint64_t bytes_done, uint64_t bytes_total, uint64_t tokens_done);
    void *context;
} gd_progress;
#define gd_progress_init(progress) gd_progress_init_sized((progress), sizeof *(progress))
GD_API void gd_progress_init_sized(gd_progress *progress, size_t struct_size);
typedef struct gd_summary {
    size_t struct_size;
    uint64_t items;
    uint64_t failed;
    uint64_t dropped;
    uint64_t truncated;
    uint64_t tokens;
    uint64_t rows;
} gd_summary;
#define gd_summary_init(summary) gd_summary_init_sized((summary), sizeof *(summary))
GD_API void gd_summary_init_sized(gd_summary *summary, size_t struct_size);
typedef enum gd_format {
    GD_FORMAT_AUTO = 0,
    GD_FORMAT_JSONL,
    GD_FORMAT_JSON,
    GD_FORMAT_CSV,
    GD_FORMAT_TSV,
    GD_FORMAT_TEXT
} gd_format;
typedef struct gd_file_options {
    size_t struct_size;
    const char *input;
    const char *output;
    gd_format format;
    int resume;
    const char *fields;
} gd_file_options;
#define gd_file_options_init(options) gd_file_options_init_sized((options), sizeof *(options))
GD_API void gd_file_options_init_sized(gd_file_options *options, size_t struct_size);
GD_API gd_status gd_score_file(gd_model *model, const gd_file_options *how, const gd_progress *progress,
                               gd_summary *summary, gd_error *err);
typedef enum gd_rank_pairs { GD_PAIRS_NONE = 0, GD_PAIRS_BEST_WORST, GD_PAIRS_BEST_RANDOM, GD_PAIRS_ALL } gd_rank_pairs;
typedef struct gd_rank_options {
    size_t struct_size;
    const char *input;
    const char *output;
    gd_format format;
    int resume;
    const char *fields;
    size_t top;
    int texts;
    gd_rank_pairs pairs;
    const char *pairs_output;
    float min_margin;
    uint64_t seed;
} gd_rank_options;
#define gd_rank_options_init(options) gd_rank_options_init_sized((options), sizeof *(options))
GD_API void gd_rank_options_init_sized(gd_rank_options *options, size_t struct_size);
GD_API gd_status gd_rank_file(gd_model *model, const gd_rank_options *how, const gd_progress *progress,
                              gd_summary *summary, gd_error *err);
typedef enum gd_filter_by {
    GD_FILTER_MIN_SCORE = 0,
    GD_FILTER_MIN_MARGIN,
    GD_FILTER_TOP_FRACTION,
    GD_FILTER_FLIP_BELOW
} gd_filter_by;
typedef struct gd_filter_options {
    size_t struct_size;
    const char *input;
    const char *output;
    const char *rejects;
    gd_format format;
    int resume;
    const char *fields;
    gd_filter_by by;
    double limit;
    int annotate;
    void (*problem)(void *context, uint64_t index, const char *sentence);
    void *context;
} gd_filter_options;
#define gd_filter_options_init(options) gd_filter_options_init_sized((options), sizeof *(options))
GD_API void gd_filter_options_init_sized(gd_filter_options *options, size_t struct_size);
GD_API gd_status gd_filter_file(gd_model *model, const gd_filter_options *how, const gd_progress *progress,
                                gd_summary *summary, char **json, gd_error *err);
GD_API gd_status gd_tokenize_file(const gd_options *options, const gd_file_options *how, const gd_progress *progress,
                                  gd_summary *summary, gd_error *err);
GD_API gd_status gd_inspect(const gd_options *options, char **json, gd_error *err);
GD_API gd_status gd_merge(const gd_options *options, const char *output, const gd_progress *progress, gd_error *err);
GD_API gd_status gd_backends(char **json, gd_error *err);
typedef struct gd_bench_options {
    size_t struct_size;
    const char *input;
    gd_format format;
    const char *fields;
    double seconds;
    const char *only;
    int (*report)(void *context, const char *what, double seconds_done, double seconds_expected);
    void *context;
} gd_bench_options;
#define gd_bench_options_init(options) gd_bench_options_init_sized((options), sizeof *(options))
GD_API void gd_bench_options_init_sized(gd_bench_options *options, size_t struct_size);
GD_API gd_status gd_bench(const gd_options *options, const gd_bench_options *how, char **json, gd_error *err);
GD_API gd_status gd_bench_page(const char *json, char **html, gd_error *err);
typedef struct gd_eval_options {
    size_t struct_size;
    const char *input;
    gd_format format;
    int calibrate;
    const char *fields;
    const char *by;
    const char *weights;
    const char *scores;
} gd_eval_options;
#define gd_eval_options_init(options) gd_eval_options_init_sized((options), sizeof *(options))
GD_API void gd_eval_options_init_sized(gd_eval_options *options, size_t struct_size);
GD_API gd_status gd_eval(gd_model *model, const gd_eval_options *how, const gd_progress *progress, gd_summary *summary,
                         char **json, gd_error *err);
GD_API gd_status gd_eval_page(const char *json, char **html, gd_error *err);
GD_API gd_status gd_compare(const char *scores_a, const char *scores_b, char **json, gd_error *err);
GD_API gd_status gd_compare_page(const char *json, char **html, gd_error *err);
GD_API void gd_string_free(char *string);
#ifdef __cplusplus
}
#endif
#endif
