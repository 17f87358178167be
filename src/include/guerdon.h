/**
 * guerdon.h - score texts with a reward model.
 *
 * A reward model reads a prompt with an answer and gives one number: higher is better.  Only differences
 * between answers to the same prompt mean anything.  This library runs such models in full bf16 (or fp32),
 * and promises that a score depends on the model, the adapter and the token ids alone: the same bits for any
 * batch, neighbours, thread count, instruction set and memory budget.
 *
 * The short way: fill a gd_options, gd_model_open(), gd_score(), gd_model_close().
 *
 * Rules that hold everywhere:
 *  - A function that can fail returns a gd_status and fills the caller's gd_error; the library never prints,
 *    exits or aborts.
 *  - Strings are UTF-8.  Sizes are in elements, or in bytes where the name says `_bytes` or `_len`.
 *  - Handles are opaque; a close function accepts NULL.
 *  - One call at a time on a handle; different handles may be used from different threads.
 *  - Structs that begin with struct_size grow at their end in later versions, and a program that was compiled with an
 *    earlier one keeps working.  Begin each with its ..._init(), which sets struct_size to what your compiler sees and
 *    the rest to zero, the default of every member; in C, { .struct_size = sizeof s } does the same.  A struct without
 *    struct_size, or with something in a member that this library is too old to know, is refused with GD_EUSAGE.
 *    Structs without struct_size never change, but for gd_item and gd_item_result, whose sizes gd_items has.
 */
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
#define GD_VERSION_NUMBER 200 /* 10000 * major + 100 * minor + patch */

/** The version of the library that is running; GD_VERSION and GD_VERSION_NUMBER are those of this header. */
GD_API const char *gd_version(void);
GD_API unsigned gd_version_number(void);

/** What kind of thing went wrong: to act on.  The text in gd_error is to show. */
typedef enum gd_status {
    GD_OK = 0,
    GD_EUSAGE,       /**< an argument or option is wrong: the caller's mistake */
    GD_EIO,          /**< a file could not be opened, read or written */
    GD_EFORMAT,      /**< a file's content breaks its format */
    GD_EUNSUPPORTED, /**< well-formed, but asks for something that this build or machine cannot do */
    GD_ETOOLONG,     /**< a text has more tokens than allowed */
    GD_EITEM,        /**< some items of a file failed; the others were done */
    GD_ENOMEM,       /**< out of memory or another resource; a smaller request may succeed */
    GD_EINTERRUPTED, /**< the progress function asked to stop */
    GD_EDEVICE       /**< the device that computes failed (a GPU): close the model */
} gd_status;

/** What went wrong.  All zero before the first call; filled by the first failure, untouched on success.
 *  This struct is fixed for good. */
typedef struct gd_error {
    gd_status status;
    char text[508]; /**< one English sentence, UTF-8, no newline: names the file, the field and the value */
} gd_error;

/** Bytes of UTF-8 text; not terminated, may hold NUL characters.  This struct is fixed for good. */
typedef struct gd_text {
    const char *data;
    size_t len; /**< bytes */
} gd_text;

/** What to do with a text of more tokens than max_length. */
typedef enum gd_truncate {
    GD_TRUNCATE_ERROR = 0,   /**< the text gets an error: nothing is lost in silence */
    GD_TRUNCATE_LEFT,        /**< drop the first tokens */
    GD_TRUNCATE_RIGHT,       /**< drop the last tokens */
    GD_TRUNCATE_DROP,        /**< leave the item out of the output */
    GD_TRUNCATE_OLDEST_TURNS /**< of a conversation, drop its oldest turns: the answer and its end stay */
} gd_truncate;

/** Whether the end-of-sequence token is appended to a text's ids. */
typedef enum gd_add_eos {
    GD_ADD_EOS_NEVER = 0, /**< ids are what the tokenizer gives */
    GD_ADD_EOS_AUTO,      /**< append unless the ids already end with it (TRL's rule for plain text) */
    GD_ADD_EOS_ALWAYS
} gd_add_eos;

/** How to open a model.  Start from gd_options_init(); NULL and 0 mean the default everywhere. */
typedef struct gd_options {
    size_t struct_size;    /**< set by gd_options_init() */
    const char *model;     /**< a directory, or `org/name` in the local Hugging Face cache */
    const char *adapter;   /**< a PEFT LoRA directory, or NULL */
    const char *precision; /**< "bf16" (default) or "fp32" */
    const char *numerics;  /**< "exact" (default: ARITHMETIC in doc/arithmetic.md) or "fast" */
    const char *backend;   /**< "auto" (default), "cpu", "openblas", "onednn" */
    const char *isa;       /**< "auto" (default), "generic", "avx2", "avx512", "avx512bf16", "neon" */
    const char *graph;     /**< a graph description to use instead of the built-in one */
    unsigned threads;      /**< 0: as many as the process may run on */
    size_t memory;         /**< bytes that the process may take; when the weights don't fit, they are streamed,
                                   layer by layer; 0: what is free now. A line of a file
                                   that is longer than 2 MiB takes four times its length on top, while it is read */
    size_t batch_tokens;   /**< rows (distinct prefix tokens) computed together; 0: chosen to suit the memory */
    int no_share_prefix;   /**< not 0: compute every text on its own; for measuring, the scores are the same */
    size_t max_length;     /**< tokens a text may have; 0: config.json's max_position_embeddings */
    gd_truncate truncate;  /**< what happens to a longer text */
    gd_add_eos add_eos;
    const char *chat_format; /**< how a conversation becomes text: "auto" (default: the checkpoint's chat template,
                                   if it is one that is known), a format's name or a YAML file: doc/chat-formats.md */
    const char *normalize;   /**< scores become (score - mean) / std: "MEAN,STD", or a file that `guerdon eval
                                   --calibrate` wrote; NULL: they are the model's own */
    const char *activation;  /**< then: "none" (default) or "sigmoid" */
} gd_options;

/** Fills *options with the defaults. */
#define gd_options_init(options) gd_options_init_sized((options), sizeof *(options))
GD_API void gd_options_init_sized(gd_options *options, size_t struct_size);

/** A model with its tokenizer, ready to score. */
typedef struct gd_model gd_model;

/**
 * Opens a model: maps the weights, reads the tokenizer, the head and the adapter, and checks all of them.
 *
 * Time: little; the weights are read when they are first needed.  Memory: see gd_inspect().
 *
 * @param out      the model; NULL on failure.  The caller closes it with gd_model_close().
 * @param options  read during the call, not kept
 * @return GD_OK, GD_EUSAGE, GD_EIO, GD_EFORMAT, GD_EUNSUPPORTED or GD_ENOMEM
 */
GD_API gd_status gd_model_open(gd_model **out, const gd_options *options, gd_error *err);

/** Frees the model.  NULL is fine. */
GD_API void gd_model_close(gd_model *model);

/**
 * Scores texts.
 *
 * scores[i] becomes the reward of texts[i]: a float32 without unit.  It does not depend on `count`, on the
 * order or the company of the texts, or on the number of threads.  A prefix that several texts share is
 * computed once.
 *
 * @param count   number of texts; 0 does nothing
 * @param texts   read during the call, not kept
 * @param scores  room for count floats, the caller's; unspecified on failure
 * @param tokens  NULL, or room for count numbers of tokens that each text had
 * @return GD_OK
 *         GD_ETOOLONG  a text has more tokens than allowed and truncation is GD_TRUNCATE_ERROR (or DROP)
 *         GD_EFORMAT   a text is not UTF-8
 *         GD_ENOMEM    a smaller count may succeed
 *
 * Time: about 2 * parameters * distinct prefix tokens operations.
 */
GD_API gd_status gd_score(gd_model *model, size_t count, const gd_text *texts, float *scores, size_t *tokens,
                          gd_error *err);

/** How far a long call has come.  Return 0 to go on, anything else to stop after the current batch. */
typedef struct gd_progress {
    size_t struct_size; /**< set by gd_progress_init() */
    int (*report)(void *context, uint64_t items_done, uint64_t bytes_done, uint64_t bytes_total, uint64_t tokens_done);
    void *context;
} gd_progress;

/** Fills *progress with zeros: nobody asks. */
#define gd_progress_init(progress) gd_progress_init_sized((progress), sizeof *(progress))
GD_API void gd_progress_init_sized(gd_progress *progress, size_t struct_size);

/** What a run over a file, or over items in memory, did. */
typedef struct gd_summary {
    size_t struct_size; /**< set by gd_summary_init(): no more than this is filled */
    uint64_t items;     /**< items in memory, or lines that held something */
    uint64_t failed;    /**< items that got an error */
    uint64_t dropped;   /**< items left out by GD_TRUNCATE_DROP */
    uint64_t truncated; /**< items whose text was shortened */
    uint64_t tokens;    /**< tokens of all scored texts */
    uint64_t rows;      /**< distinct prefix tokens: what was computed */
    uint64_t texts;     /**< scored texts: two of a pair, as many as there are answers to a prompt */
} gd_summary;

/** Fills *summary with zeros. */
#define gd_summary_init(summary) gd_summary_init_sized((summary), sizeof *(summary))
GD_API void gd_summary_init_sized(gd_summary *summary, size_t struct_size);

/** A message of a conversation.  This struct is fixed for good. */
typedef struct gd_message {
    gd_text role, content; /**< roles are "system", "user" and "assistant" */
} gd_message;

/** A prompt or an answer: a conversation when `messages` is not NULL, else token ids when `ids` is not NULL, else a
 *  text, which may be empty.  This struct is fixed for good. */
typedef struct gd_part {
    gd_text text;
    const gd_message *messages; /**< [message_count], at least one */
    size_t message_count;
    const uint32_t *ids; /**< [id_count] taken as they are: no special tokens are added, and none is sought */
    size_t id_count;
} gd_part;

/** What the parts of an item are: this names them in sentences, and says how many there are. */
typedef enum gd_item_kind {
    GD_ITEM_TEXT = 0, /**< one */
    GD_ITEM_PAIR,     /**< two: the chosen one and the rejected one */
    GD_ITEM_ANSWERS   /**< one or more answers to a prompt */
} gd_item_kind;

/** What a record of a file says, in memory.  All zero but for what you set. */
typedef struct gd_item {
    gd_item_kind kind;
    const gd_part *prompt; /**< NULL, or what goes before each part: a text before texts, joined as they are; ids before
                                ids; a conversation before conversations, and before texts, which become turns of the
                                assistant */
    const gd_part *parts;  /**< [part_count] a conversation ends with the answer, a message of the assistant */
    size_t part_count;
} gd_item;

/** What became of an item.  The library fills it; gd_items_free_results() frees what it points to. */
typedef struct gd_item_result {
    gd_status
        status;     /**< GD_OK; what was wrong with the item: GD_ETOOLONG, GD_EFORMAT, GD_EUNSUPPORTED (a conversation,
                           and no format is known), GD_EUSAGE; GD_EINTERRUPTED: the call ended before its turn came */
    int truncated;  /**< not 0: a part was shortened */
    int dropped;    /**< not 0: the item was left out by GD_TRUNCATE_DROP */
    size_t count;   /**< of scores: the item's parts; 0 when it failed or was dropped */
    float *scores;  /**< [count] */
    size_t *tokens; /**< [count] that each part had, its prompt included */
    char *error; /**< NULL, or what was wrong, one sentence that begins with the part's name when there are several */
} gd_item_result;

/** Items in memory, and room for what becomes of them.  Start from gd_items_init(). */
typedef struct gd_items {
    size_t struct_size, item_size, result_size; /**< set by gd_items_init() */
    size_t count;
    const gd_item *items;    /**< [count] read during the call with all that they point to, not kept */
    gd_item_result *results; /**< [count] the caller's; need not be initialised */
} gd_items;

/** Fills *items with zeros: no items. */
#define gd_items_init(all) gd_items_init_sized((all), sizeof *(all), sizeof *(all)->items, sizeof *(all)->results)
GD_API void gd_items_init_sized(gd_items *items, size_t struct_size, size_t item_size, size_t result_size);

/**
 * Scores items in memory: whatever a record of a file can hold, with tokens, truncation and an error for each item.
 *
 *     const gd_part parts[] = { { .text = { "Yes.", 4 } }, { .text = { "No.", 3 } } };
 *     const gd_part prompt = { .text = { "Is tea hot? ", 12 } };
 *     const gd_item item = { .kind = GD_ITEM_PAIR, .prompt = &prompt, .parts = parts, .part_count = 2 };
 *     gd_item_result result;
 *     gd_items items;
 *
 *     gd_items_init(&items);
 *     items.count = 1;
 *     items.items = &item;
 *     items.results = &result;
 *     rc = gd_score_items(model, &items, NULL, NULL, &err);
 *     if (!rc)
 *         printf("the margin is %g\n", result.scores[0] - result.scores[1]);
 *     gd_items_free_results(&items);
 *
 * The scores are those that gd_score_file() writes for the same records, bit for bit, and depend neither on `count` nor
 * on the company of the items.
 *
 * @param progress  NULL, or called after each batch; bytes are those of the items' texts and ids
 * @param summary   NULL, or what was done, also filled on GD_EITEM and GD_EINTERRUPTED
 * @return GD_OK; GD_EITEM when some items failed: their results say why, and the others have scores; or a failure of
 *         the whole, such as GD_EINTERRUPTED: the results of the items that were done are there, and are to be freed
 */
GD_API gd_status gd_score_items(gd_model *model, const gd_items *items, const gd_progress *progress,
                                gd_summary *summary, gd_error *err);

/** Frees what the results point to after a call, whatever it returned, and sets them to zero. */
GD_API void gd_items_free_results(const gd_items *items);

/** What an input file is written in; doc/formats.md has the details. */
typedef enum gd_format {
    GD_FORMAT_AUTO = 0, /**< by the name without .gz or .zst: .jsonl .ndjson .json .csv .tsv .txt; any other as .json */
    GD_FORMAT_JSONL,    /**< an object a line: {"text"}, {"prompt","response"}, {"chosen","rejected"},
                             {"prompt","responses"}, or {"messages"}, a conversation */
    GD_FORMAT_JSON,     /**< an array of such objects, if the first character that is no blank is "["; else as JSONL */
    GD_FORMAT_CSV,      /**< a line with the names of the columns, then a row for each item (RFC 4180) */
    GD_FORMAT_TSV,      /**< the same with tabs for commas */
    GD_FORMAT_TEXT      /**< a text a line */
} gd_format;

/** What a run over a file reads and writes.  Start from gd_file_options_init(). */
typedef struct gd_file_options {
    size_t struct_size; /**< set by gd_file_options_init() */
    const char *input;  /**< a path, a pattern as of glob(7) for several files, or "-" for standard input; gzip and zstd
                             are recognised by their first bytes */
    const char *output; /**< a path, or "-" for standard output; written as it goes */
    gd_format format;   /**< of the input */
    int resume;         /**< not 0: continue an output that was interrupted; when it is complete, do nothing */
    const char *fields; /**< names of the input's fields, "text=instruction,chosen=good": ours = the input's */
} gd_file_options;

/** Fills *options with the defaults. */
#define gd_file_options_init(options) gd_file_options_init_sized((options), sizeof *(options))
GD_API void gd_file_options_init_sized(gd_file_options *options, size_t struct_size);

/**
 * Scores the records of a file, one line of JSON out for each, in input order.
 *
 * @param how       read during the call, not kept
 * @param progress  NULL, or called after each batch
 * @param summary   NULL, or what was done, also filled on GD_EITEM and GD_EINTERRUPTED
 * @return GD_OK; GD_EITEM when some lines got {"index":..,"error":..} instead of a score; or a failure of the whole
 */
GD_API gd_status gd_score_file(gd_model *model, const gd_file_options *how, const gd_progress *progress,
                               gd_summary *summary, gd_error *err);

/** Which preference pairs gd_rank_file() makes of the answers to one prompt. */
typedef enum gd_rank_pairs {
    GD_PAIRS_NONE = 0,
    GD_PAIRS_BEST_WORST,  /**< one: the best answer and the worst */
    GD_PAIRS_BEST_RANDOM, /**< one: the best answer, and one drawn from those that score less */
    GD_PAIRS_ALL          /**< every two answers of different score */
} gd_rank_pairs;

/** What gd_rank_file() reads and writes.  Start from gd_rank_options_init(). */
typedef struct gd_rank_options {
    size_t struct_size; /**< set by gd_rank_options_init() */
    const char *input;  /**< these five as in gd_file_options */
    const char *output;
    gd_format format;
    int resume;
    const char *fields;
    size_t top; /**< lines get "top", the indices of so many of the best answers; 0: they don't */
    int texts;  /**< not 0: lines get "texts", the answers (with `top`, the best ones alone) */
    gd_rank_pairs pairs;
    const char *pairs_output; /**< where the pairs go; NULL with GD_PAIRS_NONE */
    float min_margin;         /**< pairs whose scores differ by less are left out; equal scores make none ever */
    uint64_t seed;            /**< of GD_PAIRS_BEST_RANDOM: the draw depends on it and the item's index alone */
} gd_rank_options;

/** Fills *options with the defaults. */
#define gd_rank_options_init(options) gd_rank_options_init_sized((options), sizeof *(options))
GD_API void gd_rank_options_init_sized(gd_rank_options *options, size_t struct_size);

/**
 * Ranks answers: best-of-N, rejection sampling, and data for DPO and for training reward models.
 *
 * Each record is {"prompt": P, "responses": [A, B, ..]}; the prompt is computed once.  A line of the output, in the
 * order of the input: {"index":0,"scores":[..],"ranks":[..],"best":2,"margin":..,"ties":0,"tokens":[..]}.  Ranks begin
 * at 1, and equal scores share one; `best` is the index of the best answer, the first one of equals; `margin` is what
 * the best two differ by (0 with one answer); `ties` is how many answers share the best score, 0 when it stands alone.
 *
 * A line of pairs: {"index":0,"prompt":..,"chosen":..,"rejected":..,"margin":..}, prompt and answers as they were read.
 *
 * @param progress  NULL, or called after each batch
 * @param summary   NULL, or what was done, also filled on GD_EITEM and GD_EINTERRUPTED
 * @return as gd_score_file()
 */
GD_API gd_status gd_rank_file(gd_model *model, const gd_rank_options *how, const gd_progress *progress,
                              gd_summary *summary, gd_error *err);

/** What gd_filter_file() goes by.  A record's margin is a pair's, or what the best two answers to a prompt differ
 *  by. */
typedef enum gd_filter_by {
    GD_FILTER_MIN_SCORE = 0, /**< keep texts that score `limit` or more; of a pair the chosen one counts, of answers
                                  to a prompt the best */
    GD_FILTER_MIN_MARGIN,    /**< keep records whose margin is `limit` or more */
    GD_FILTER_TOP_FRACTION,  /**< keep this part (0 to 1) of the records, rounded to the nearest number of them: texts
                                  by score, the others by margin; of equal ones the earlier.  The input is read twice */
    GD_FILTER_FLIP_BELOW     /**< keep all pairs, and exchange the sides of those whose margin is below -limit: the
                                  model contradicts their label by more than that */
} gd_filter_by;

/** What gd_filter_file() reads and writes.  Start from gd_filter_options_init(). */
typedef struct gd_filter_options {
    size_t struct_size;  /**< set by gd_filter_options_init() */
    const char *input;   /**< as in gd_file_options */
    const char *output;  /**< the records that are kept */
    const char *rejects; /**< those that are not, and those that failed; NULL: nowhere */
    gd_format format;    /**< these three as in gd_file_options */
    int resume;
    const char *fields;
    gd_filter_by by;
    double limit;
    int annotate; /**< not 0: kept lines get a last member "guerdon", with the scores and the margin */
    /** NULL, or called for each record that failed, with a sentence that names its line. */
    void (*problem)(void *context, uint64_t index, const char *sentence);
    void *context;
} gd_filter_options;

/** Fills *options with the defaults. */
#define gd_filter_options_init(options) gd_filter_options_init_sized((options), sizeof *(options))
GD_API void gd_filter_options_init_sized(gd_filter_options *options, size_t struct_size);

/**
 * Filters the records of a file by what a reward model says of them.
 *
 * A line that is kept or rejected is the input's, byte for byte, but for the values of "chosen" and "rejected" where
 * they were exchanged, and for the note of `annotate`.
 *
 * @param json  {"kept":..,"rejected":..,"flipped":..,"failed":..,"value":"margin","histogram":{"min":..,"max":..,
 *              "mean":..,"counts":[20 numbers]}}: how the values are spread that were looked at; freed by the caller
 *              with gd_string_free(); NULL on failure of the whole, and when a run that was to be gone on with is
 *              complete
 * @return as gd_score_file()
 */
GD_API gd_status gd_filter_file(gd_model *model, const gd_filter_options *how, const gd_progress *progress,
                                gd_summary *summary, char **json, gd_error *err);

/** As gd_score_file(), for token ids: {"index":0,"ids":[...]} a line.  Reads the tokenizer's files, but no weights.
 *  It does not resume. */
GD_API gd_status gd_tokenize_file(const gd_options *options, const gd_file_options *how, const gd_progress *progress,
                                  gd_summary *summary, gd_error *err);

/**
 * Describes a model without computing anything: a JSON object with the architecture, sizes, dtype, head, the
 * pad, eos and pooling rule, the memory needed, and warnings.
 *
 * @param json  the text, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure
 */
GD_API gd_status gd_inspect(const gd_options *options, char **json, gd_error *err);

/** The same of a model that is open. */
GD_API gd_status gd_model_inspect(const gd_model *model, char **json, gd_error *err);

/**
 * Merges an adapter into its base model: writes a plain checkpoint that needs no adapter, for Transformers, for this
 * library, for anybody.
 *
 * The weights are those that PEFT's merge_and_unload() gives on a CPU with its defaults (the adapter in fp32, one
 * rounding to the base's type).  From ranks of some 256 on, where a matrix library sums in parts, a few in ten thousand
 * differ, nearly all of them by one step of the type.  They are the same bytes on every machine.  Tensors that the
 * adapter leaves alone are copied byte for byte.
 * Scores of the merged model differ from those with the adapter by what the rounding of the weights does; to train on,
 * keep the adapter.
 *
 * What is written: model.safetensors, or shards of 5 GB with an index; config.json, as a ...ForSequenceClassification
 * with one label (also of a causal-LM base, when the adapter holds the head), and with the pad token that would be
 * used with the adapter; the tokenizer's files and the chat template.  All of them appear at the end, or none: when
 * something fails, what was written is removed; a process that is killed leaves no config.json.
 *
 * Time: about that of copying the model, and 2 * rank operations for each weight that is merged.  Memory: the adapter's
 * two matrices of one module and a few megabytes, whatever the size of the model.  Disk: the size of the base.
 *
 * @param options   model and adapter; threads and graph count, the rest does not.  Read during the call, not kept
 * @param output    a directory that is empty, or not there yet while its parent is; not the model's own
 * @param progress  NULL, or called some times a tensor: items are tensors, bytes those of the output; tokens are 0
 * @return GD_OK
 *         GD_EUSAGE        no adapter or output was given, or something is in the output directory
 *         GD_EIO           a file could not be read or written: the disk is full, say
 *         GD_EFORMAT       a file is broken, or the adapter is another model's
 *         GD_EUNSUPPORTED  what gd_model_open() would refuse, too
 *         GD_EINTERRUPTED  the progress function asked to stop
 *         GD_ENOMEM
 */
GD_API gd_status gd_merge(const gd_options *options, const char *output, const gd_progress *progress, gd_error *err);

/** Describes what this machine can run: instruction sets, libraries, the default choice.  As gd_inspect(). */
GD_API gd_status gd_backends(char **json, gd_error *err);

/** What gd_bench() measures with, and how long.  Start from gd_bench_options_init(). */
typedef struct gd_bench_options {
    size_t struct_size; /**< set by gd_bench_options_init() */
    const char *input;  /**< records to score, as in gd_file_options; NULL: texts made of random words */
    gd_format format;   /**< of the input */
    const char *fields; /**< as in gd_file_options */
    double seconds;     /**< about how long the run may take; 0: 100.  The large sizes that don't fit are left out, and
                             the result says so; a few small ones are always measured, whatever they take */
    const char *only;   /**< what to measure besides start, peak and bandwidth: some of "matmul", "scoring", "batch",
                             "length", "answers" and "memory", with commas between them; NULL: all */
    /** NULL, or called before each measurement with what it is, the seconds that have gone by, and those that the whole
     *  run should take (0 while that is not known yet).  Return 0 to go on, anything else to stop. */
    int (*report)(void *context, const char *what, double seconds_done, double seconds_expected);
    void *context;
} gd_bench_options;

/** Fills *options with the defaults. */
#define gd_bench_options_init(options) gd_bench_options_init_sized((options), sizeof *(options))
GD_API void gd_bench_options_init_sized(gd_bench_options *options, size_t struct_size);

/**
 * Measures how fast this machine runs a model, and how fast it could.
 *
 * The result is a JSON object, "format" "guerdon-bench/1", with these parts: machine, model (as gd_inspect() has it),
 * settings; start (opening the model and its first score); peak (operations a second of a loop that touches nothing
 * but registers) and bandwidth (of memory); matmul (the model's own matrix products, each with the smaller of peak and
 * what memory allows); texts, scoring (with and without shared prefixes); batch, length and answers (rates against the
 * size of a batch, the length of a text, the number of answers to one prompt); memory.  A rate is the median of several
 * runs; "spread" is the distance between the fastest and the slowest in parts of it.  Names end in their unit; what
 * could not be measured is null, and a "not_measured" beside it says why.
 *
 * The scores themselves are not part of it, and no option that is measured changes one.
 *
 * @param options  as for gd_model_open()
 * @param how      read during the call, not kept; NULL: the defaults
 * @param json     the text, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure
 * @return GD_OK, GD_EINTERRUPTED, or whatever gd_model_open(), gd_score_file() and gd_score() can return
 *
 * Memory: what scoring needs, and four times the last cache for a while.
 */
GD_API gd_status gd_bench(const gd_options *options, const gd_bench_options *how, char **json, gd_error *err);

/**
 * Makes a page of a result of gd_bench(): one HTML file with tables and charts, that needs no script and no network.
 *
 * @param json  the result, which may come from another machine
 * @param html  the page, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure
 * @return GD_OK, GD_EFORMAT (the text is not such a result) or GD_ENOMEM
 */
GD_API gd_status gd_bench_page(const char *json, char **html, gd_error *err);

/** What gd_eval() evaluates, and how.  Start from gd_eval_options_init(). */
typedef struct gd_eval_options {
    size_t struct_size;  /**< set by gd_eval_options_init() */
    const char *input;   /**< a path, "-" for standard input; gzip is recognised by its first bytes */
    gd_format format;    /**< of the input; GD_FORMAT_TEXT has no pairs, and is for `calibrate` alone */
    int calibrate;       /**< not 0: lines of one text are taken, too, for the mean and the deviation of all scores */
    const char *fields;  /**< as in gd_file_options */
    const char *by;      /**< a field of the lines: everything is also told for each of its values; NULL: "subset" with
                              weights, else no groups. A number or a truth value is a name, too; lines without the
                              field, or with anything else in it, are the group "(none)" */
    const char *weights; /**< NULL, "rewardbench", or a JSON file: which subsets make up which section, see gd_eval() */
    const char *scores;  /**< NULL, or where to write the scores, as gd_score_file() does; a line that can't be judged
                              is an error line */
} gd_eval_options;

/** Fills *options with the defaults. */
#define gd_eval_options_init(options) gd_eval_options_init_sized((options), sizeof *(options))
GD_API void gd_eval_options_init_sized(gd_eval_options *options, size_t struct_size);

/**
 * Evaluates a model on preferences: does the chosen text score higher than the rejected one?
 *
 * A line of the input is a pair, {"chosen":C,"rejected":R} with a "prompt" before both or not, or several answers to
 * one prompt of which the first are the correct ones: {"prompt":P,"chosen":[..],"rejected":[..]} as in RewardBench 2,
 * or {"prompt":P,"responses":[..],"num_correct":N}.  Of several answers, the lowest correct one and the highest of the
 * others are the pair.  The margin is the chosen score less the rejected one, in float32.
 *
 * The result is a JSON object, "format" "guerdon-eval/1":
 *  - pairs: how many lines were judged
 *  - accuracy: the part of them with a margin above 0 (a tie is wrong); accuracy_low and accuracy_high: its 95 %
 *    interval by the percentile bootstrap, 1,000 resamples with fixed random numbers
 *  - ties: margins of 0
 *  - margin: the mean; loss: the mean of -log sigmoid(margin), which reward models are trained to make small
 *  - ece: the expected calibration error of sigmoid(|margin|), the confidence in the preferred answer, in ten bins of
 *    equal width from 0.5 to 1, where a tie counts half; brier: the mean of (1 - sigmoid(margin))^2
 *  - by: the same for each value of options.by, in the order of the file
 *  - sections: scores of sections by their names, and overall, when weights are given
 *  - details: what gd_eval_page() needs, and calibration: {"format":"guerdon-calibration/1","mean","std","count"}, the
 *    mean and standard deviation (by count - 1) of all scores
 * What can't be told, because there is nothing to divide by, is null.  Every figure has the same bits on every machine.
 *
 * Sections: with "rewardbench" those of RewardBench, version 2 when every line that was judged has several answers,
 * else version 1.  Version 1: the mean of the accuracies of a section's subsets by their weights; overall by those of
 * the sections (2 each, 1 for the prior sets if they are there), null while one of the four is missing.  Version 2: the
 * mean credit of each subset (1 when the first answer is the highest, divided by how many have that score), Ties by
 * its own measure, for which "id" must be "ref:N" or "tied:N"; overall, their mean.  Weights of a file are used as
 * those of version 1:
 *     {"sections":{"Chat":{"weight":2,"optional":false,"subsets":{"alpacaeval-easy":100,"mt-bench-easy":28}}}}
 *
 * @param how       read during the call, not kept
 * @param progress  NULL, or called after each batch
 * @param summary   NULL, or what was done, also filled on GD_EITEM and GD_EINTERRUPTED
 * @param json      the text, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure, but not on
 *                  GD_EITEM
 * @return GD_OK; GD_EITEM when some lines could not be judged: the result is of the others, and its details have the
 *         first reasons; or a failure of the whole
 *
 * Time: that of gd_score_file(), and some microseconds a pair.  Memory: that, and about 50 bytes a pair.
 */
GD_API gd_status gd_eval(gd_model *model, const gd_eval_options *how, const gd_progress *progress, gd_summary *summary,
                         char **json, gd_error *err);

/**
 * Makes a page of a result of gd_eval(): one HTML file with charts and the worst pairs, that needs no script and no
 * network.
 *
 * @param json  the result, which may come from another machine
 * @param html  the page, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure
 * @return GD_OK, GD_EFORMAT (the text is not such a result) or GD_ENOMEM
 */
GD_API gd_status gd_eval_page(const char *json, char **html, gd_error *err);

/**
 * Compares the scores of two models, or of two runs, that gd_score_file() or gd_eval() wrote for one input.
 *
 * The result is a JSON object, "format" "guerdon-compare/1":
 *  - items; skipped: those that are an error line in one of the files or in both; scores: those of the others;
 *    identical: scores of the same bits
 *  - pearson, spearman: correlation of the scores, and of their ranks; mean_difference, largest_difference: of absolute
 *    values; largest_index: the item of the latter
 *  - margins: pairs, and the same of their margins; flips: margins of another sign, or 0 in one of the files alone;
 *    accuracy_a, accuracy_b, ties_a, ties_b, only_a_right, only_b_right
 *  - lists: items with several answers; best_differs: those of them whose best answer is another one
 *  - details: what gd_compare_page() needs
 * What can't be told is null, such as a correlation when all scores of a file are equal.
 *
 * @param scores_a  a path, "-" for standard input; gzip is recognised by its first bytes
 * @param scores_b  another one
 * @param json      the text, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure
 * @return GD_OK, GD_EUSAGE, GD_EIO, GD_ENOMEM, or GD_EFORMAT: a line is no line of scores, or the files are not of the
 *         same items
 */
GD_API gd_status gd_compare(const char *scores_a, const char *scores_b, char **json, gd_error *err);

/** Makes a page of a result of gd_compare(), as gd_eval_page() does. */
GD_API gd_status gd_compare_page(const char *json, char **html, gd_error *err);

/** Frees a string that this library returned.  NULL is fine. */
GD_API void gd_string_free(char *string);

#ifdef __cplusplus
}
#endif
#endif
