/**
 * guerdon.h - score texts with a reward model.
 *
 * A reward model reads a prompt and an answer and returns one number: higher is better.  Only differences
 * between answers to the same prompt mean anything.  This library runs such models in full bf16 (or fp32)
 * and guarantees that a score depends only on the model, the adapter and the token ids: its bits are the same
 * whatever the batch, the other texts in it, the number of threads, the instruction set and the memory budget.
 *
 * In short: fill in a gd_options, then call gd_model_open(), gd_score() and gd_model_close().
 *
 * Rules for the whole library:
 *  - A function that can fail returns a gd_status and fills the caller's gd_error; the library never prints,
 *    exits or aborts.
 *  - Strings are UTF-8.  Sizes are in elements, or in bytes where the name says `_bytes` or `_len`.
 *  - Handles are opaque; a close function accepts NULL.
 *  - Only one call at a time may use a handle, unless it is a gd_service; different handles may be used from different
 *    threads.
 *  - Files that are being read must not change.  If one does, the call fails with GD_EIO and a sentence, and what was
 *    written before is right.  For the files of weights, which are mapped, this holds as long as the model is open;
 *    another file may take a name, for the one that is open stays.  Reading a page that a file no longer has raises
 *    SIGBUS: while a call reads weights, the library handles that signal for its own pages, passes on any other, and
 *    then restores the handler that was there.  A thread that blocks SIGBUS is ended by it.
 *  - Structs that begin with struct_size may grow at their end in later versions; programs compiled with an earlier
 *    version keep working.  Initialise each with its ..._init(), which sets struct_size to the size your compiler sees
 *    and the rest to zero, the default of every member; in C, { .struct_size = sizeof s } does the same, except for
 *    gd_items, which has three sizes.  A struct whose struct_size is not set, or that sets a member this library is
 *    too old to know, is refused with GD_EUSAGE.  Structs without struct_size never change, except gd_item and
 *    gd_item_result, whose sizes are in gd_items.
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

/** The version of the library in use; GD_VERSION and GD_VERSION_NUMBER are the version of this header. */
GD_API const char *gd_version(void);
GD_API unsigned gd_version_number(void);

/** What kind of error occurred, for the program to act on.  gd_error has a text for the user. */
typedef enum gd_status {
    GD_OK = 0,
    GD_EUSAGE,       /**< an argument or option is wrong: the caller's mistake */
    GD_EIO,          /**< a file could not be opened, read or written */
    GD_EFORMAT,      /**< the content of a file is malformed */
    GD_EUNSUPPORTED, /**< well-formed, but requires something that this build or machine cannot do */
    GD_ETOOLONG,     /**< a text has more tokens than allowed */
    GD_EITEM,        /**< some items failed; the others were processed */
    GD_ENOMEM,       /**< out of memory or another resource; a smaller request may succeed */
    GD_EINTERRUPTED, /**< the progress function asked to stop, or a request was cancelled */
    GD_EDEVICE,      /**< the compute device (a GPU) failed: close the model */
    GD_EBUSY         /**< too much waits already: try again later */
} gd_status;

/** What went wrong.  All zero before the first call; filled in by the first failure, untouched on success.
 *  This struct will never change. */
typedef struct gd_error {
    gd_status status;
    char text[508]; /**< one English sentence in UTF-8, without a newline, that names the file, field and value */
} gd_error;

/** UTF-8 text; not NUL-terminated, and may contain NUL characters.  This struct will never change. */
typedef struct gd_text {
    const char *data;
    size_t len; /**< bytes */
} gd_text;

/** What to do with a text that has more tokens than max_length. */
typedef enum gd_truncate {
    GD_TRUNCATE_ERROR = 0,   /**< the text gets an error: nothing is cut silently */
    GD_TRUNCATE_LEFT,        /**< drop the first tokens */
    GD_TRUNCATE_RIGHT,       /**< drop the last tokens */
    GD_TRUNCATE_DROP,        /**< leave the item out of the output */
    GD_TRUNCATE_OLDEST_TURNS /**< drop the oldest turns of a conversation; the last question and answer stay whole */
} gd_truncate;

/** Whether the end-of-sequence token is appended to the ids of a text. */
typedef enum gd_add_eos {
    GD_ADD_EOS_NEVER = 0, /**< the ids are what the tokenizer returns */
    GD_ADD_EOS_AUTO,      /**< append unless the ids already end with it (TRL's rule for plain text) */
    GD_ADD_EOS_ALWAYS,
    GD_ADD_EOS_OFF /**< never, also with an adapter that was trained with it */
} gd_add_eos;

/** How to open a model.  Start from gd_options_init(); NULL and 0 mean the default everywhere. */
typedef struct gd_options {
    size_t struct_size;    /**< set by gd_options_init() */
    const char *model;     /**< a directory, or `org/name` in the local Hugging Face cache */
    const char *adapter;   /**< a PEFT LoRA directory, or NULL */
    const char *precision; /**< "bf16" (default) or "fp32" */
    const char *numerics;  /**< "exact" (default on a CPU), "tensor" (default on a GPU, but for older ones, which have
                                   "tensor8", and for fp32) or "tensor8" (doc/arithmetic.md defines them: the bits of a
                                   GPU's tensor cores from Hopper on, or of Ampere and Ada; bf16 only, and not to
                                   train), or "fast" */
    const char *backend;   /**< "auto" (default: a GPU for scoring if there is one, else the CPU), "cpu", "cuda" (it
                                   leaves the GPU's primary context current in the calling thread), "openblas",
                                   "onednn" */
    const char *isa;       /**< "auto" (default), "generic", "avx2", "avx512", "avx512bf16", "neon" */
    const char *graph;     /**< a graph description to use instead of the one for the class: a file, or a name */
    unsigned threads;      /**< 0: one for each CPU that the process may run on */
    size_t memory;         /**< bytes that the process may use, or of a GPU's memory; weights that don't fit are
                                   streamed, layer by layer; 0: what is free now. With a limit, an item has an error if
                                   it takes more than reading allows: a word of more than 256 KiB without a break, or
                                   more than 16,384 texts. A line, a row or an element of more than 1 MiB may take eight
                                   times its length in addition to the limit */
    size_t batch_tokens;   /**< rows (distinct prefix tokens) computed together; 0: chosen to suit the memory */
    int no_share_prefix;   /**< not 0: compute each text separately, for measurements; the scores are the same */
    size_t max_length;     /**< tokens that a text may have; 0: max_position_embeddings of config.json */
    gd_truncate truncate;  /**< what to do with a longer text */
    gd_add_eos add_eos;
    const char *chat_format; /**< how a conversation becomes text: "auto" (default: by the checkpoint's chat template,
                                   if it is a known one), the name of a format, which a date may follow
                                   ("llama3.2:26 Jul 2024"), or a YAML file: doc/chat-formats.md */
    const char *normalize;   /**< "MEAN,STD" or a file written by `guerdon eval --calibrate`: scores become
                                   (score - mean) / std; NULL: they are left as the model gives them */
    const char *activation;  /**< applied after that: "none" (default) or "sigmoid" */
    size_t dry_run;          /**< not 0: compute no score; see gd_dry_run_report() */
    const char *turns; /**< "on": a prompt and an answer that are texts become the user's and the assistant's turn of a
                             conversation; "off": they are joined; "auto" (default): off, but on for gd_eval() with the
                             weights of RewardBench if the model has a chat format */
    const char *head;  /**< what reads the score: "auto" (default: score.weight, or another head that the checkpoint
                             has), the name of a head, or a YAML file: doc/graphs.md */
    const char *const
        *more_adapters; /**< [more_adapter_count] further adapters over the same model, for items in memory:
                             gd_item.adapter. The model's weights are there once, items of all adapters are computed in
                             the same batches, and the scores are those of a model opened with that adapter alone. All
                             must have the head that the first one has, each with its own numbers. A file is scored
                             with `adapter` */
    size_t more_adapter_count;
} gd_options;

/** Fills *options with the defaults. */
#define gd_options_init(options) gd_options_init_sized((options), sizeof *(options))
GD_API void gd_options_init_sized(gd_options *options, size_t struct_size);

/** A model with its tokenizer, ready to score. */
typedef struct gd_model gd_model;

/**
 * Opens a model: maps the weights, reads the tokenizer, the head and the adapter, and checks all of them.
 *
 * Time: short; weights are read when first needed.  Memory: see gd_inspect().
 *
 * @param out      the model, to be closed with gd_model_close(); NULL on failure
 * @param options  read during the call, not kept
 * @return GD_OK, GD_EUSAGE, GD_EIO, GD_EFORMAT, GD_EUNSUPPORTED or GD_ENOMEM
 */
GD_API gd_status gd_model_open(gd_model **out, const gd_options *options, gd_error *err);

/**
 * A notice that matters to scores although nothing failed, such as an adapter that was trained on another model or
 * brings another tokenizer: one line, valid until the model is closed.  gd_inspect() has these among its warnings.
 *
 * @param i  0, 1, ...: NULL is returned after the last
 */
GD_API const char *gd_model_note(const gd_model *model, size_t i);

/**
 * What a token id stands for, as the vocabulary of the model, or of an adapter that brings one, writes it.
 *
 * Where bytes are merged, each is written as a character, a space as U+0120 ("\u0120tea" for " tea"); where characters
 * are, a space is U+2581.  Several tokens may make one character of a text.
 *
 * Unlike other functions, this one may be called while others use the model, and from several threads at once.
 *
 * @param adapter  as in gd_item
 * @param token    gets the content of the token, followed by a NUL character that is not counted; valid until the model
 *                 is closed
 * @param special  NULL, or gets 1 if the tokenizer's files call the token special, such as those that begin and end a
 *                 text or a turn, else 0
 * @return GD_OK; GD_EUSAGE: no token has the id, or there is no such adapter
 */
GD_API gd_status gd_model_token(const gd_model *model, size_t adapter, uint32_t id, gd_text *token, int *special,
                                gd_error *err);

/** Frees the model.  NULL is fine. */
GD_API void gd_model_close(gd_model *model);

/**
 * Scores texts.
 *
 * scores[i] becomes the reward of texts[i]: a float32 without a unit.  It does not depend on `count`, on the
 * other texts or their order, or on the number of threads.  A prefix that several texts share is computed once.
 *
 * @param count   number of texts; 0 does nothing
 * @param texts   read during the call, not kept
 * @param scores  the caller's array of count floats; unspecified on failure
 * @param tokens  NULL, or an array of count elements for the number of tokens of each text
 * @return GD_OK
 *         GD_ETOOLONG  a text has more tokens than allowed and truncation is GD_TRUNCATE_ERROR (or DROP)
 *         GD_EFORMAT   a text is not UTF-8
 *         GD_EIO       a file of the model was changed: close the model
 *         GD_ENOMEM    a smaller count may succeed
 *
 * Time: about 2 * parameters * distinct prefix tokens operations.
 */
GD_API gd_status gd_score(gd_model *model, size_t count, const gd_text *texts, float *scores, size_t *tokens,
                          gd_error *err);

/** A function to call with the progress of a long call. */
typedef struct gd_progress {
    size_t struct_size; /**< set by gd_progress_init() */
    /** NULL, or the function.  It returns 0 to continue, anything else to stop.  It is called after each batch, and in
     *  between while long texts are made into tokens, and while a pipe has nothing to read. */
    int (*report)(void *context, uint64_t items_done, uint64_t bytes_done, uint64_t bytes_total, uint64_t tokens_done);
    void *context;
} gd_progress;

/** Fills *progress with zeros: no function. */
#define gd_progress_init(progress) gd_progress_init_sized((progress), sizeof *(progress))
GD_API void gd_progress_init_sized(gd_progress *progress, size_t struct_size);

/** What a run over a file, or over items in memory, did. */
typedef struct gd_summary {
    size_t struct_size;     /**< set by gd_summary_init(): the library fills in no more than this */
    uint64_t items;         /**< items in memory, or records of the input */
    uint64_t failed;        /**< items that got an error */
    uint64_t dropped;       /**< items left out by GD_TRUNCATE_DROP */
    uint64_t truncated;     /**< items whose text was shortened */
    uint64_t tokens;        /**< tokens of all scored texts */
    uint64_t rows;          /**< distinct prefix tokens, those actually computed */
    uint64_t texts;         /**< scored texts: two for a pair, one for each answer to a prompt */
    uint64_t conversations; /**< how many of these were conversations, to which the chat format applied */
    uint64_t joined;        /**< how many were a prompt and an answer joined as they are, although the model has a chat
                                 format and gd_options.turns was left at "auto" */
} gd_summary;

/** Fills *summary with zeros. */
#define gd_summary_init(summary) gd_summary_init_sized((summary), sizeof *(summary))
GD_API void gd_summary_init_sized(gd_summary *summary, size_t struct_size);

/** A message of a conversation.  This struct will never change. */
typedef struct gd_message {
    gd_text role, content; /**< roles are "system", "user" and "assistant", and "tool" if the chat format has tools */
} gd_message;

/** A prompt or an answer: a conversation if `messages` is not NULL, else token ids if `ids` is not NULL, else a
 *  text, which may be empty.  This struct will never change. */
typedef struct gd_part {
    gd_text text;
    const gd_message *messages; /**< [message_count], at least one */
    size_t message_count;
    const uint32_t *ids; /**< [id_count] used as they are: no special tokens are added or looked for */
    size_t id_count;
} gd_part;

/** What the parts of an item are: determines their number, and their names in error messages. */
typedef enum gd_item_kind {
    GD_ITEM_TEXT = 0, /**< one */
    GD_ITEM_PAIR,     /**< two: the chosen one and the rejected one */
    GD_ITEM_ANSWERS,  /**< one or more answers to a prompt */
    GD_ITEM_RECORD    /**< none: what the item is, its JSON says */
} gd_item_kind;

/** The equivalent in memory of a record of a file.  Set the members you don't use to zero. */
typedef struct gd_item {
    gd_item_kind kind;
    const gd_part *prompt; /**< NULL, or what precedes each part: a text precedes texts, joined without a separator
                                (or as turns: gd_options.turns); ids precede ids; a conversation precedes conversations,
                                or texts, which become turns of the assistant. A part that is a whole conversation may
                                repeat the prompt, as the text of one of its user's messages or as the messages that it
                                begins with: the prompt is then left out */
    const gd_part *parts;  /**< [part_count] a conversation ends with the answer, a message of the assistant */
    size_t part_count;
    gd_text record;       /**< of GD_ITEM_RECORD, which has no prompt and no parts: a JSON object, as a line of a JSONL
                                file has it (doc/formats.md): "messages", "tools", "chosen", .. The result has as many
                                scores as the record has texts */
    const char *truncate; /**< NULL: as the model was opened; or "error", "left", "right", "drop" or "oldest-turns" */
    size_t max_length;    /**< tokens that a text may have, no more than the model was opened with; 0: as many */
    size_t plain;         /**< not 0: a text gets no special tokens, neither the tokenizer's own at its ends nor that
                                of gd_options.add_eos; those that it spells count. (A chat format's are part of a
                                conversation) */
    size_t ids_only;      /**< not 0: the texts become ids, which are the result, and nothing is scored; a text may
                                then have none */
    size_t adapter;       /**< 0: gd_options.adapter, or none; 1, 2, ..: the first, the second of
                                gd_options.more_adapters, with its own tokenizer, if it brings one, and its settings */
} gd_item;

/** The result of an item.  The library fills it in; gd_items_free_results() frees what it points to. */
typedef struct gd_item_result {
    gd_status status; /**< GD_OK; what was wrong with the item: GD_ETOOLONG, GD_EFORMAT, GD_EUNSUPPORTED (a conversation
                           for which no format is known), GD_EUSAGE; GD_EINTERRUPTED: the call ended before its turn */
    int truncated;    /**< not 0: a part was shortened */
    int dropped;      /**< not 0: the item was left out by GD_TRUNCATE_DROP */
    size_t count;     /**< number of scores, one for each part (of a record, each text); 0 if the item failed or was
                           dropped */
    float *scores;    /**< [count]; NULL of an item with ids_only */
    size_t *tokens;   /**< [count] the number of tokens of each part, including the prompt */
    char *error; /**< NULL, or a sentence that says what was wrong; it begins with the name of the part if there are
                      several */
    size_t *step_counts;            /**< NULL, or [count] of each part: at how many steps the model's head reads it */
    float **steps;                  /**< NULL, or [count] of each part: [step_counts[i]] the scores of its steps */
    size_t label_count;             /**< how many other values with names the model gives for a part */
    const char *const *label_names; /**< [label_count] the model's: valid until it is closed */
    float *labels;                  /**< NULL, or [count * label_count] part after part */
    uint32_t **ids; /**< NULL, or, of an item with ids_only, [count] of each part: [tokens[i]] its ids */
    size_t kind;    /**< a gd_item_kind: the item's; of a GD_ITEM_RECORD, what its JSON is: a text, a pair or answers */
} gd_item_result;

/** Items in memory, and room for their results.  Start from gd_items_init(). */
typedef struct gd_items {
    size_t struct_size, item_size, result_size; /**< set by gd_items_init() */
    size_t count;
    const gd_item *items;    /**< [count] read during the call with everything they point to, not kept */
    gd_item_result *results; /**< [count] the caller's array; need not be initialised */
} gd_items;

/** Fills *items with zeros: no items. */
#define gd_items_init(all) gd_items_init_sized((all), sizeof *(all), sizeof *(all)->items, sizeof *(all)->results)
GD_API void gd_items_init_sized(gd_items *items, size_t struct_size, size_t item_size, size_t result_size);

/**
 * Scores items in memory: anything a record of a file can hold, with tokens, truncation and an error for each item.
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
 * The scores are those that gd_score_file() writes for the same records, bit for bit; they do not depend on `count` or
 * on the other items.
 *
 * @param progress  NULL, or called after each batch; bytes are those of the items' texts and ids
 * @param summary   NULL, or what was done; also filled in on GD_EITEM and GD_EINTERRUPTED
 * @return GD_OK; GD_EITEM if some items failed: their results say why, and the others have scores; or a failure of the
 *         whole call, such as GD_EINTERRUPTED: the items finished by then have results, which must still be freed
 */
GD_API gd_status gd_score_items(gd_model *model, const gd_items *items, const gd_progress *progress,
                                gd_summary *summary, gd_error *err);

/** Frees what the results point to, whatever the call returned, and sets them to zero. */
GD_API void gd_items_free_results(const gd_items *items);

/** How much a gd_service accepts.  Start from gd_service_options_init(). */
typedef struct gd_service_options {
    size_t struct_size; /**< set by gd_service_options_init() */
    size_t max_items;   /**< that wait for their results, of all requests; 0: 65,536 */
    size_t max_bytes;   /**< of texts, ids and records, of all requests that wait for their answers; 0: 256 MiB */
} gd_service_options;

/** Fills *options with the defaults. */
#define gd_service_options_init(options) gd_service_options_init_sized((options), sizeof *(options))
GD_API void gd_service_options_init_sized(gd_service_options *options, size_t struct_size);

/** Where the time of a request went, in seconds: their sum is that from gd_service_submit() to done().  This struct
 *  will never change. */
typedef struct gd_service_times {
    double waiting;    /**< until its first item had its turn */
    double tokenizing; /**< reading its items, and making their texts into ids */
    double computing;  /**< the rest: the batches with its texts, and those of others between them */
} gd_service_times;

/** Items to score, and whom to tell.  Start from gd_service_request_init(). */
typedef struct gd_service_request {
    size_t struct_size;    /**< set by gd_service_request_init() */
    const gd_items *items; /**< the caller's, with everything that it points to and room for the results: all of that
                                stays as it is until done() is called */
    /** Called once for each request that was accepted, from the service's thread, when nothing of it is touched any
     *  more.  rc, summary and *why are those that gd_score_items() would give for these items alone, but rows, which
     *  are shared: a row is counted where it was computed first.  GD_EINTERRUPTED: the request was cancelled, or the
     *  service closed; items that were finished by then have results.  Any other failure than GD_EITEM is one of the
     *  model, and all requests that wait get it.  The function should be short, since nothing is scored meanwhile; it
     *  may call gd_service_submit(), gd_service_cancel() and gd_service_stats_get(), and free the items.  `summary`
     *  and `why`, which is all zero with GD_OK, are valid until it returns. */
    void (*done)(void *context, gd_status rc, const gd_summary *summary, const gd_error *why);
    void *context;
    gd_service_times *times; /**< NULL, or the caller's, filled in before done() is called */
} gd_service_request;

/** Fills *request with zeros. */
#define gd_service_request_init(request) gd_service_request_init_sized((request), sizeof *(request))
GD_API void gd_service_request_init_sized(gd_service_request *request, size_t struct_size);

/** What a service has done since it was opened, and what waits. */
typedef struct gd_service_stats {
    size_t struct_size;        /**< set by gd_service_stats_init(): the library fills in no more than this */
    uint64_t waiting_requests; /**< accepted, and not answered yet */
    uint64_t waiting_items;    /**< of these, those without a result */
    uint64_t waiting_bytes;    /**< of all texts, ids and records of these requests */
    uint64_t requests;         /**< accepted so far, the waiting ones included */
    uint64_t refused;          /**< requests that got GD_EBUSY */
    uint64_t cancelled;        /**< requests that were cancelled before they were answered */
    uint64_t items;            /**< finished */
    uint64_t failed;           /**< of these, those that got an error */
    uint64_t texts;            /**< as in gd_summary, these three */
    uint64_t tokens;
    uint64_t rows;
    uint64_t batches; /**< computed */
} gd_service_stats;

/** Fills *stats with zeros. */
#define gd_service_stats_init(stats) gd_service_stats_init_sized((stats), sizeof *(stats))
GD_API void gd_service_stats_init_sized(gd_service_stats *stats, size_t struct_size);

/** A queue in front of a model: requests come from any thread and at any time, and are answered when they are ready. */
typedef struct gd_service gd_service;

/**
 * Opens a queue, with a thread that scores what is in it.
 *
 * Nothing waits when nothing computes.  What comes during a batch goes into the next ones, together: prefixes that
 * requests share are computed once.  Of what waits, the oldest items are computed first, with those that begin like
 * them; a request with many items lets others have their turn.  An answer goes out when the last batch that it needs is
 * done.  Its scores are those of gd_score_items(), bit for bit, whatever else is in these batches.
 *
 * Time: a request adds a few microseconds to its scores.  Memory: that of gd_score_items(), some hundred bytes for each
 * request, and the ids of a few batches; the texts stay where the caller has them.  After a failure of the model, which
 * all that wait get, the next request is tried anew.
 *
 * The functions below may be called from several threads at once.  The model belongs to the service until that is
 * closed: no other call may use it.
 *
 * @param out    the service, to be closed with gd_service_close(); NULL on failure
 * @param model  stays open until after gd_service_close(), which does not close it
 * @param how    NULL: the defaults
 * @return GD_OK, GD_EUSAGE or GD_ENOMEM (also: no thread can be started)
 */
GD_API gd_status gd_service_open(gd_service **out, gd_model *model, const gd_service_options *how, gd_error *err);

/**
 * Adds a request to the queue, and returns at once.
 *
 * @param request  read during the call, not kept; its items are, until done() is called.  No items are fine
 * @param ticket   NULL, or gets what gd_service_cancel() takes: never 0, and another one for each request.  It is there
 *                 before done() is called
 * @return GD_OK: done() will be called, or was called already; of anything else, it will not be:
 *         GD_EBUSY         too much waits: the sentence says how much
 *         GD_EUSAGE        a struct is wrong, or the request alone is more than the service accepts
 *         GD_EINTERRUPTED  the service is being closed
 *         GD_ENOMEM
 */
GD_API gd_status gd_service_submit(gd_service *service, const gd_service_request *request, uint64_t *ticket,
                                   gd_error *err);

/**
 * Cancels a request: its items that are in no batch yet are not computed, and done() gets GD_EINTERRUPTED, when the
 * current batch is done.  A ticket whose request has been answered is fine, and nothing happens.
 */
GD_API void gd_service_cancel(gd_service *service, uint64_t ticket);

/** Says what waits, and what was done.  GD_EUSAGE if *stats was not initialised. */
GD_API gd_status gd_service_stats_get(gd_service *service, gd_service_stats *stats, gd_error *err);

/**
 * Closes the service: accepts nothing more, answers everything that was accepted, and frees it.  Returns when the last
 * done() has returned.  Not to be called from done(); no other call may begin that could be under way when this one
 * returns.
 *
 * @param service  NULL is fine
 * @param drain    not 0: what was accepted is scored first; 0: it is cancelled, as by gd_service_cancel()
 */
GD_API void gd_service_close(gd_service *service, int drain);

/** The format of an input file; doc/formats.md has the details. */
typedef enum gd_format {
    GD_FORMAT_AUTO = 0, /**< by the name without .gz or .zst: .jsonl .ndjson .json .csv .tsv .txt; any other as .json */
    GD_FORMAT_JSONL,    /**< one object per line: {"text"}, {"prompt","response"}, {"chosen","rejected"},
                             {"prompt","responses"}, or {"messages"}, a conversation */
    GD_FORMAT_JSON,     /**< an array of such objects, if the first non-blank character is "["; else as JSONL */
    GD_FORMAT_CSV,      /**< a line with the names of the columns, then one row per item (RFC 4180) */
    GD_FORMAT_TSV,      /**< the same with tabs instead of commas */
    GD_FORMAT_TEXT      /**< one text per line */
} gd_format;

/** What a run over a file reads and writes.  Start from gd_file_options_init(). */
typedef struct gd_file_options {
    size_t struct_size; /**< set by gd_file_options_init() */
    const char *input;  /**< a path, a glob(7) pattern for several files, or "-" for standard input; gzip and zstd are
                             recognised by their first bytes */
    const char *output; /**< a path, or "-" for standard output; written batch by batch */
    gd_format format;   /**< of the input */
    int resume;         /**< not 0: resume an interrupted run; if its output is complete, do nothing;
                             GD_EUSAGE if the input then has another number of items. Whether the model, the options
                             or the items have changed is no longer known. */
    const char *fields; /**< other names for fields, as in "text=instruction,chosen=good": our name = the input's; _ is
                             the name of no field, and leaves ours out */
    size_t arguments;   /**< not 0: the lines of the input are texts that a user typed, and messages about them begin
                             with "text 0:" in place of "line 1:" */
    const char *keep;   /**< NULL, or names of other fields of the input, as in "id,source": each line of the output
                             gets them after its index, as they are; null where an item lacks one.  A name that such
                             lines have already is GD_EUSAGE.  A backslash precedes a comma in a name */
    size_t shard;       /**< with `shards`: process only part number `shard`, from 1, of that many.  The parts are
                             ranges of items, so that their outputs, joined in order, are the output of one run. The
                             input is read twice, so it must be a file.  When the output is whole, OUTPUT.done, JSON,
                             says so; with `resume`, a part that has it is done.  Both 0: the whole input */
    size_t shards;      /**< at most 1000000 */
} gd_file_options;

/** Fills *options with the defaults. */
#define gd_file_options_init(options) gd_file_options_init_sized((options), sizeof *(options))
GD_API void gd_file_options_init_sized(gd_file_options *options, size_t struct_size);

/**
 * Scores the records of a file and writes one line of JSON for each, in input order.  When the input is a pipe that has
 * nothing more at the moment, the records so far are scored and their lines written, before it waits for more.
 *
 * @param how       read during the call, not kept
 * @param progress  NULL, or called after each batch
 * @param summary   NULL, or what was done; also filled in on GD_EITEM and GD_EINTERRUPTED
 * @return GD_OK; GD_EITEM if some records got {"index":..,"error":..} instead of a score; or a failure of the whole
 *         call
 */
GD_API gd_status gd_score_file(gd_model *model, const gd_file_options *how, const gd_progress *progress,
                               gd_summary *summary, gd_error *err);

/**
 * Says what the last run over a file would have taken, of a model that was opened with dry_run.
 *
 * With such a model, gd_score_file(), gd_rank_file(), gd_filter_file() and gd_eval() read and check every record, turn
 * it into tokens and plan the batches, but compute no score.  The only lines that they write are those of records that
 * would fail, to standard output; the outputs that their options name are not opened, and nothing is resumed.  Summary,
 * status and the problems of gd_filter_file() are those of the real run.  gd_score() and gd_score_items() fail with
 * GD_EUSAGE.
 *
 * @param json  {"texts":..,"tokens":..,"shortest":..,"median":..,"longest":..,"rows":..,"batches":..,"memory_bytes":..,
 *              "weights_bytes":..,"streamed":..,"threads":..,"seconds":..}: lengths in tokens, null without a text;
 *              rows, the tokens that would be computed, in that many batches; memory besides that of the process so
 *              far; about the seconds of computing, going by a product of matrices that is measured for a tenth of a
 *              second: reading the weights comes on top; no threads on a GPU.  The caller frees it with
 *              gd_string_free(); NULL on failure
 * @return GD_OK, GD_EUSAGE (the model computes scores) or GD_ENOMEM
 */
GD_API gd_status gd_dry_run_report(gd_model *model, char **json, gd_error *err);

/** Which preference pairs gd_rank_file() makes of the answers to one prompt. */
typedef enum gd_rank_pairs {
    GD_PAIRS_NONE = 0,
    GD_PAIRS_BEST_WORST,  /**< one: the best answer and the worst */
    GD_PAIRS_BEST_RANDOM, /**< one: the best answer, and one drawn from those that score lower */
    GD_PAIRS_ALL          /**< one for every two answers with different scores */
} gd_rank_pairs;

/** What gd_rank_file() reads and writes.  Start from gd_rank_options_init(). */
typedef struct gd_rank_options {
    size_t struct_size; /**< set by gd_rank_options_init() */
    const char *input;  /**< these five as in gd_file_options */
    const char *output;
    gd_format format;
    int resume;
    const char *fields;
    size_t top; /**< not 0: each line gets "top", the indices of this many of the best answers */
    int texts;  /**< not 0: each line gets "texts", the answers (with `top`, only those) */
    gd_rank_pairs pairs;
    const char *pairs_output; /**< where the pairs go; NULL with GD_PAIRS_NONE */
    float min_margin;         /**< pairs whose scores differ by less are left out; equal scores never make a pair */
    uint64_t seed;            /**< for GD_PAIRS_BEST_RANDOM: the draw depends only on it and the index of the item */
    const char *keep;         /**< as in gd_file_options; pairs get the fields, too */
    const char *from_scores;  /**< NULL, or a file with the scores: lines that gd_score_file() or gd_eval() wrote for
                                  the same input, compressed or not, or "-".  Then there is no model; results are
                                  those of the run that made the scores, and its failed items fail again */
    size_t skip_unscored;     /**< not 0: leave out items that have no line in from_scores, as GD_TRUNCATE_DROP does;
                                  0: such an item is an error of the whole call */
    const char *group_by; /**< NULL, or a field: each record is one answer, {"prompt": P, "response": A}, {"messages":
                               ..} or {"text": T}, and those that follow each other and have the same value in this
                               field, however it is spelt, are ranked together */
    size_t shard;         /**< these two as in gd_file_options, without from_scores; a group is an item */
    size_t shards;
} gd_rank_options;

/** Fills *options with the defaults. */
#define gd_rank_options_init(options) gd_rank_options_init_sized((options), sizeof *(options))
GD_API void gd_rank_options_init_sized(gd_rank_options *options, size_t struct_size);

/**
 * Ranks answers: best-of-N, rejection sampling, and data for DPO and for training reward models.
 *
 * Each record is {"prompt": P, "responses": [A, B, ..]}; the prompt is computed once.  An answer may also be an object
 * that has it as one of text, content, response, completion, output, answer, generated_text and message.  The output
 * has one line per record, in input order: {"index":0,"scores":[..],"ranks":[..],"best":2,"margin":..,"ties":0,
 * "tokens":[..]}.  Ranks start at 1, and equal scores share a rank; `best` is the index of the best answer, from 0, the
 * first if several are equal; `margin` is the difference between the best two (0 with one answer); `ties` is the number
 * of answers that share the best score, 0 if only one has it.
 *
 * With group_by, a record of the output is a group: its index counts groups, "rows" has the indices of its records, and
 * a field of `keep` is a list with the value of each (in pairs, of the chosen and the rejected one).  The records of a
 * group must have the same prompt, and follow each other: a value that returns ends the call with GD_EFORMAT.  A record
 * that can't be read becomes an error line of its own, after its group.
 *
 * A line of pairs: {"index":0,"prompt":..,"chosen":..,"rejected":..,"score_chosen":..,"score_rejected":..,
 * "score_margin":..}, prompt and answers as they were read.  Where trainers could not join these (only one answer
 * repeats the prompt; the prompt is a text, and answers are messages; there is a field "system"), "chosen" and
 * "rejected" are the whole conversations that were scored, and there is no "prompt".  (A field "margin" would change
 * the loss of TRL's RewardTrainer.)
 *
 * @param model     NULL if how->from_scores is given
 * @param progress  NULL, or called after each batch
 * @param summary   NULL, or what was done; also filled in on GD_EITEM and GD_EINTERRUPTED
 * @return as gd_score_file(); GD_EFORMAT also if from_scores can't be of this input: it has a line of another kind or
 *         with another number of scores, or one too many, or lacks one; what the run has written is then taken back, or
 *         the message says that it can't be
 */
GD_API gd_status gd_rank_file(gd_model *model, const gd_rank_options *how, const gd_progress *progress,
                              gd_summary *summary, gd_error *err);

/** How gd_filter_file() decides.  The margin of a record is that of the pair, or the difference between the best two
 *  answers to the prompt. */
typedef enum gd_filter_by {
    GD_FILTER_MIN_SCORE = 0, /**< keep texts that score `limit` or more; for a pair the chosen text counts, for answers
                                  to a prompt the best one */
    GD_FILTER_MIN_MARGIN,    /**< keep records whose margin is `limit` or more */
    GD_FILTER_TOP_FRACTION,  /**< keep this fraction (0 to 1) of the records, rounded to a whole number of them: texts
                                  by score, others by margin, earlier ones first if equal.  Reads the input twice */
    GD_FILTER_FLIP_BELOW     /**< keep all pairs, and swap the sides of those whose margin is below -limit: the model
                                  contradicts their label by more than that */
} gd_filter_by;

/** What gd_filter_file() reads and writes.  Start from gd_filter_options_init(). */
typedef struct gd_filter_options {
    size_t struct_size;  /**< set by gd_filter_options_init() */
    const char *input;   /**< as in gd_file_options */
    const char *output;  /**< the records that are kept */
    const char *rejects; /**< those that are not, and those that failed; NULL: they are not written */
    gd_format format;    /**< these three as in gd_file_options */
    int resume;
    const char *fields;
    gd_filter_by by;
    double limit;
    int annotate; /**< not 0: in kept lines "guerdon", else added at the end, becomes the scores and the margin */
    /** NULL, or called for each record that failed, with a sentence that names its line. */
    void (*problem)(void *context, uint64_t index, const char *sentence);
    void *context;
    const char *from_scores; /**< these two as in gd_rank_options */
    size_t skip_unscored;
    size_t shard; /**< these two as in gd_file_options, without from_scores and GD_FILTER_TOP_FRACTION; the header of a
                       table is in the outputs of the first part alone */
    size_t shards;
} gd_filter_options;

/** Fills *options with the defaults. */
#define gd_filter_options_init(options) gd_filter_options_init_sized((options), sizeof *(options))
GD_API void gd_filter_options_init_sized(gd_filter_options *options, size_t struct_size);

/**
 * Filters the records of a file by the scores that a reward model gives them.
 *
 * Lines that are kept or rejected are copied from the input byte for byte, except for the values of "chosen" and
 * "rejected" where they were swapped, and what `annotate` adds.  They end with LF, also where the input has CRLF.
 *
 * @param model NULL if how->from_scores is given
 * @param json  {"kept":..,"rejected":..,"flipped":..,"failed":..,"value":"margin","histogram":{"min":..,"max":..,
 *              "mean":..,"counts":[20 numbers]}}, the distribution of the value that decides; the caller frees it with
 *              gd_string_free(); NULL if the whole call failed, or the run being resumed was already complete.  Each
 *              record counts once: a flipped one was kept, too, but counts as flipped
 * @return as gd_rank_file()
 */
GD_API gd_status gd_filter_file(gd_model *model, const gd_filter_options *how, const gd_progress *progress,
                                gd_summary *summary, char **json, gd_error *err);

/** As gd_score_file(), but writes token ids: {"index":0,"ids":[...]} per line.  Reads the tokenizer's files, but no
 *  weights.  It does not resume. */
GD_API gd_status gd_tokenize_file(const gd_options *options, const gd_file_options *how, const gd_progress *progress,
                                  gd_summary *summary, gd_error *err);

/**
 * Describes a model without computing anything: a JSON object with the architecture, sizes, dtype, head, the
 * pad, eos and pooling rules, the memory needed, and warnings.
 *
 * @param json  the text, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure
 */
GD_API gd_status gd_inspect(const gd_options *options, char **json, gd_error *err);

/**
 * Says what was understood of the graph, the head, or both, that options->graph and options->head name; the other
 * options are ignored.  gd_inspect() has the same, with the sizes of its model, as the member "described".
 *
 * @param json  {"graph","head","about","sizes","layers","prefix","before_the_layers":[..],"each_layer":[..],
 *              "head_sizes","after_the_layers":[..],"reads_at","also","steps","labels","tensors_in"}, with a line for
 *              each node; of a head alone, these are "nodes".  about: the head's, if there is one; head_sizes: if it
 *              has sizes of its own; reads_at, also, steps and labels: what the keys of doc/graphs.md say, or null.
 *              The caller frees it with gd_string_free(); NULL on failure
 * @return GD_OK, GD_EUSAGE (neither is named, or by a name that is not known), GD_EIO, GD_EFORMAT, GD_EUNSUPPORTED,
 *         GD_ENOMEM
 */
GD_API gd_status gd_describe(const gd_options *options, char **json, gd_error *err);

/** The same for an open model. */
GD_API gd_status gd_model_inspect(const gd_model *model, char **json, gd_error *err);

/**
 * Merges an adapter into its base model: writes a plain checkpoint that needs no adapter, for this library, for
 * Transformers, or for anything else that reads checkpoints.
 *
 * The weights are those that PEFT's merge_and_unload() gives on a CPU with its defaults (the adapter in fp32, one
 * rounding to the base's type).  For ranks above about 256, where matrix libraries sum in parts, a few weights in ten
 * thousand differ, nearly all of them by one step of the type.  They are the same bytes on every machine.  Tensors that
 * the adapter does not change are copied byte for byte.
 * The scores of the merged model differ from those with the adapter because the merged weights are rounded; to continue
 * training, keep the adapter.
 *
 * Output: model.safetensors, or shards of 5 GB with an index; config.json, as a ...ForSequenceClassification with one
 * label (also for a causal-LM base, if the adapter holds the head; a model with a head of another name keeps its class,
 * and its output layer) and with the pad token that would be used with the adapter; the tokenizer's files and the chat
 * template.  The output is complete or absent: on failure, what was written
 * is removed; a killed process leaves no config.json.
 *
 * Time: about that of copying the model, and 2 * rank operations for each merged weight.  Memory: the adapter's two
 * matrices for one module and a few megabytes, whatever the size of the model.  Disk: the size of the base.
 *
 * @param options   model, adapter, threads, graph and head are used, the rest is ignored.  Read during the
 *                  call, not kept
 * @param output    an empty directory, or one to be created in an existing directory; not the model's own
 * @param progress  NULL, or called several times per tensor: items are tensors, bytes those of the output, tokens 0
 * @return GD_OK
 *         GD_EUSAGE        no adapter or output was given, or the output directory is not empty
 *         GD_EIO           a file could not be read or written (the disk may be full)
 *         GD_EFORMAT       a file is malformed, or the adapter belongs to another model
 *         GD_EUNSUPPORTED  gd_model_open() would refuse it, too
 *         GD_EINTERRUPTED  the progress function asked to stop
 *         GD_ENOMEM
 */
GD_API gd_status gd_merge(const gd_options *options, const char *output, const gd_progress *progress, gd_error *err);

/**
 * Says of a model that can't be opened all that is wrong with it, as far as it can be told, where gd_model_open() says
 * only what it found first.
 *
 * @param json  {"model","architecture","graph","head","tokenizer","chat_format","problems":[..]}: what is known of it,
 *              null what isn't, and a sentence for each field, tensor and part of the tokenizer that is missing, or not
 *              known, or for the known thing that is nearest; at most 64.  The caller frees it with gd_string_free();
 *              NULL on failure
 * @return GD_OK also if there are problems; GD_EUSAGE, GD_EIO if the directory does not exist, GD_ENOMEM
 */
GD_API gd_status gd_diagnose(const gd_options *options, char **json, gd_error *err);

/**
 * Lists the models that are known, without any files.
 *
 * @param json  {"trunks":[{"name","about","classes","head"}],"heads":[{"name","about","classes","tensors","file",
 *              "reads_at","also","expects","found_by"}],"chat_formats":[{"name","about","found_by"}]}: names for
 *              gd_options.graph, head and chat_format; about: for which checkpoints it is, or null; classes: those in
 *              config.json that have it; head: the tensor of a trunk's own head; reads_at and also: the keys pool and
 *              also of doc/graphs.md, such as "last" or "{at: \"\\n\"}"; expects: null, or the words that fields of
 *              config.json must have; found_by: what a model must have, or the flag that asks for it.  The caller
 *              frees it with gd_string_free(); NULL on failure
 */
GD_API gd_status gd_models(char **json, gd_error *err);

/** Describes what this machine can run, as JSON like gd_inspect(): instruction sets, libraries, the default choice. */
GD_API gd_status gd_backends(char **json, gd_error *err);

/** What gd_bench() measures, and for how long.  Start from gd_bench_options_init(). */
typedef struct gd_bench_options {
    size_t struct_size; /**< set by gd_bench_options_init() */
    const char *input;  /**< records to score, as in gd_file_options; NULL: texts made of random words */
    gd_format format;   /**< of the input */
    const char *fields; /**< as in gd_file_options */
    double seconds;     /**< about how long the run may take; 0: 100.  Large sizes that don't fit are left out, and the
                             result says so; a few small ones are always measured, however long they take */
    const char *only;   /**< what to measure besides start, peak and bandwidth: any of "matmul", "scoring", "batch",
                             "length", "answers" and "memory", separated by commas; NULL: all */
    /** NULL, or called before each measurement with its name, the seconds elapsed, and the seconds that the whole run
     *  should take (0 while this is unknown).  Returns 0 to continue, anything else to stop. */
    int (*report)(void *context, const char *what, double seconds_done, double seconds_expected);
    void *context;
} gd_bench_options;

/** Fills *options with the defaults. */
#define gd_bench_options_init(options) gd_bench_options_init_sized((options), sizeof *(options))
GD_API void gd_bench_options_init_sized(gd_bench_options *options, size_t struct_size);

/**
 * Measures how fast this machine runs a model, and how fast it could run it.
 *
 * The result is a JSON object, "format" "guerdon-bench/1", with these parts: machine, model (as from gd_inspect()),
 * settings; start (opening the model and the first score); peak (operations per second of a loop that uses nothing but
 * registers) and bandwidth (of memory); matmul (the model's own matrix products, each with its limit: the smaller of
 * peak and what memory allows); texts, scoring (with and without shared prefixes); batch, length and answers (rates
 * against the size of a batch, the length of a text, the number of answers to one prompt); memory.  A rate is the
 * median of several runs; "spread" is the difference between the fastest and the slowest, as a fraction of the rate.
 * Names end in their unit; a value that could not be measured is null, and "not_measured" beside it says why.
 *
 * The scores themselves are not part of the result, and none of the measured options changes a score.
 *
 * @param options  as for gd_model_open()
 * @param how      read during the call, not kept; NULL: the defaults
 * @param json     the text, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure
 * @return GD_OK, GD_EINTERRUPTED, or whatever gd_model_open(), gd_score_file() and gd_score() can return
 *
 * Memory: what scoring needs, and for a while four times the size of the last-level cache.
 */
GD_API gd_status gd_bench(const gd_options *options, const gd_bench_options *how, char **json, gd_error *err);

/**
 * Makes a page from a result of gd_bench(): one HTML file with tables and charts that needs no scripts and no network.
 *
 * @param json  the result, which may come from another machine
 * @param html  the page, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure
 * @return GD_OK, GD_EFORMAT (the text is not such a result) or GD_ENOMEM
 */
GD_API gd_status gd_bench_page(const char *json, char **html, gd_error *err);

/** What gd_eval() evaluates, and how.  Start from gd_eval_options_init(). */
typedef struct gd_eval_options {
    size_t struct_size;  /**< set by gd_eval_options_init() */
    const char *input;   /**< as in gd_file_options */
    gd_format format;    /**< of the input; GD_FORMAT_TEXT has no pairs, and is only for `calibrate` */
    int calibrate;       /**< not 0: accept lines with one text, too, for the mean and deviation of all scores */
    const char *fields;  /**< as in gd_file_options */
    const char *by;      /**< a field of the lines: report results also for each of its values; NULL: "subset" with
                              weights, else no groups. The value may be a string, a number or a boolean; lines without
                              the field, or with anything else in it, form the group "(none)" */
    const char *weights; /**< NULL, "rewardbench", or a JSON file: the subsets of each section, see gd_eval() */
    const char *scores;  /**< NULL, or where to write the scores, as gd_score_file() does; a line that can't be judged
                              gets an error line */
    const char *keep;    /**< as in gd_file_options, for the lines of `scores` */
    const char *from_scores; /**< these two as in gd_rank_options */
    size_t skip_unscored;
} gd_eval_options;

/** Fills *options with the defaults. */
#define gd_eval_options_init(options) gd_eval_options_init_sized((options), sizeof *(options))
GD_API void gd_eval_options_init_sized(gd_eval_options *options, size_t struct_size);

/**
 * Evaluates a model on preferences: does the chosen text score higher than the rejected one?
 *
 * A line of the input is a pair, {"chosen":C,"rejected":R}, optionally with a "prompt" that precedes both, or several
 * answers to one prompt, the correct ones first: {"prompt":P,"chosen":[..],"rejected":[..]} as in RewardBench 2, or
 * {"prompt":P,"responses":[..],"num_correct":N}.  Of several answers, the lowest-scoring correct one and the
 * highest-scoring incorrect one form the pair.  The margin is the chosen score minus the rejected one, in float32.
 *
 * The result is a JSON object, "format" "guerdon-eval/1":
 *  - pairs: the number of lines that were judged
 *  - accuracy: the fraction of them with a margin above 0 (a tie is wrong); accuracy_low and accuracy_high: its 95 %
 *    interval by the percentile bootstrap, 1,000 resamples with fixed random numbers
 *  - ties: the number of margins that are 0
 *  - margin: the mean margin; loss: the mean of -log sigmoid(margin), which training a reward model minimises
 *  - ece: the expected calibration error of sigmoid(|margin|), the confidence in the preferred answer, in ten bins of
 *    equal width from 0.5 to 1, where a tie counts half; brier: the mean of (1 - sigmoid(margin))^2
 *  - by: the same for each value of the field `by`, in the order of the file
 *  - sections: the score of each section by name, and overall, if weights are given
 *  - details: what gd_eval_page() needs; turns: the chat format, if prompts and answers that are texts became turns,
 *    else null (gd_options.turns); and calibration: {"format":"guerdon-calibration/1","mean","std","count"}, the
 *    mean and standard deviation (with count - 1) of all scores
 * A value that is undefined, because there is nothing to divide by, is null.  Every figure has the same bits on every
 * machine.
 *
 * Sections: with "rewardbench" those of RewardBench, version 2 if every judged line has several answers, else version
 * 1; a prompt and its answers that are texts become turns, as in RewardBench, if the model has a chat format (see
 * gd_options.turns).  Version 1: the score of a section is the mean accuracy of its subsets, weighted; overall is the
 * weighted mean of the sections (2 each, 1 for the prior sets if present), null if one of the four is missing.  Version
 * 2: the score of a subset is its mean credit (1 when the first answer scores highest, divided by the number of answers
 * with that score); Ties has a measure of its own, for which "id" must be "ref:N" or "tied:N"; overall is the mean.
 * Weights from a file are used as in version 1:
 *     {"sections":{"Chat":{"weight":2,"optional":false,"subsets":{"alpacaeval-easy":100,"mt-bench-easy":28}}}}
 *
 * @param model     NULL if how->from_scores is given; details then have its path in place of the model's
 * @param how       read during the call, not kept
 * @param progress  NULL, or called after each batch
 * @param summary   NULL, or what was done; also filled in on GD_EITEM and GD_EINTERRUPTED
 * @param json      the text, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure, except
 *                  GD_EITEM
 * @return GD_OK; GD_EITEM if some lines could not be judged: the result is that of the others, and its details give
 *         the first few reasons; or a failure of the whole call
 *
 * Time: that of gd_score_file(), and some microseconds per pair.  Memory: likewise, and about 50 bytes per pair.
 */
GD_API gd_status gd_eval(gd_model *model, const gd_eval_options *how, const gd_progress *progress, gd_summary *summary,
                         char **json, gd_error *err);

/**
 * Makes a page from a result of gd_eval(): one HTML file with charts and the worst pairs that needs no scripts and no
 * network.
 *
 * @param json  the result, which may come from another machine
 * @param html  the page, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure
 * @return GD_OK, GD_EFORMAT (the text is not such a result) or GD_ENOMEM
 */
GD_API gd_status gd_eval_page(const char *json, char **html, gd_error *err);

/**
 * Compares the scores of two models, or of two runs, that gd_score_file() or gd_eval() wrote for the same input.
 *
 * The result is a JSON object, "format" "guerdon-compare/1":
 *  - items; skipped: those with an error line in either file; scores: the number of scores of the others; identical:
 *    how many have the same bits in both files
 *  - pearson, spearman: correlation of the scores, and of their ranks; mean_difference, largest_difference: of absolute
 *    differences; largest_index: the item with the largest one
 *  - margins: the number of pairs, and the same figures for their margins; flips: margins whose sign differs, or that
 *    are 0 in only one of the files; accuracy_a, accuracy_b, ties_a, ties_b, only_a_right, only_b_right
 *  - lists: items with several answers; best_differs: those whose best answer differs
 *  - details: what gd_compare_page() needs
 * A value that is undefined is null, such as a correlation when all scores of a file are equal.
 *
 * @param scores_a  a path, or "-" for standard input; gzip and zstd are recognised by their first bytes
 * @param scores_b  the same
 * @param json      the text, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure
 * @return GD_OK, GD_EUSAGE (a file is unfinished), GD_EIO, GD_ENOMEM, or GD_EFORMAT: a line does not hold scores, or
 *         the files are not for the same items
 */
GD_API gd_status gd_compare(const char *scores_a, const char *scores_b, char **json, gd_error *err);

/** Makes a page from a result of gd_compare(), as gd_eval_page() does. */
GD_API gd_status gd_compare_page(const char *json, char **html, gd_error *err);

/** Which two sides gd_crosscheck() compares, on which texts.  Start from gd_crosscheck_options_init(). */
typedef struct gd_crosscheck_options {
    size_t struct_size; /**< set by gd_crosscheck_options_init() */
    const char *input;  /**< these three as in gd_file_options */
    gd_format format;
    const char *fields;
    size_t texts;            /**< the check ends with the record that has this text; 0: 32 */
    const char *left;        /**< "BACKEND[:NUMERICS[:ISA[:PRECISION]]]", where a part that is empty or missing is as
                                    in gd_options; NULL: all of them are */
    const char *right;       /**< the same; NULL: those of gd_options, but with numerics "tensor" where the two sides
                                    would otherwise be one */
    const char *right_model; /**< NULL, or another model for the right side, such as a merged one, ... */
    const char
        *right_adapter;  /**< ... and its adapter: NULL: that of gd_options, but none with right_model; "": none */
    const char *save;    /**< NULL, or a file to write the left side to; nothing is compared then */
    const char *against; /**< NULL, or such a file, which may come from another machine: it is the left side */
} gd_crosscheck_options;

/** Fills *options with the defaults. */
#define gd_crosscheck_options_init(options) gd_crosscheck_options_init_sized((options), sizeof *(options))
GD_API void gd_crosscheck_options_init_sized(gd_crosscheck_options *options, size_t struct_size);

/**
 * Runs a model twice, on two backends, instruction sets or arithmetics, and compares all that it computes, step by
 * step: the scores, and where they come from.
 *
 * Sides of one contract (the same numerics and precision, both with an adapter or both without) must have the same
 * bits; if they don't, the first step,
 * row and column that differ are told.  Other sides are compared with float64: each step of each side, on a sample of
 * rows, with what its inputs should have given, and with the bound of its arithmetic (doc/arithmetic.md); then both
 * with each other, layer by layer, and by their scores.
 *
 * The result is a JSON object, "format" "guerdon-crosscheck/1":
 *  - verdict: "equal" (every bit of every row), "within" (other bits, but within the bounds), "different" (bits that
 *    should be equal are not) or "beyond" (a bound is exceeded); sentence: the same for people
 *  - left, right: name ("cpu:exact:avx2:bf16"), backend, numerics, isa, precision, model, weights (a digest of all,
 *    the adapter's included), adapter, and whether the side was read from a file (saved)
 *  - same_contract, same_weights; items, texts, rows, steps: how much was compared; failed: items without a text;
 *    checked: the rows that were compared with float64
 *  - first: null, or what is wrong: step, name, layer (as in the names of weights; -1 outside the layers); drift and
 *    bound, its limit, if the sides drifted apart and no row is known; else item, text
 *    (of the item, from 0), token, tokens; column and last_column, left, right, float64, bound (null: unknown); side:
 *    null, or the one that is beyond its bound, "left" or "right"; rows: how many differ; alone: whether that text
 *    differs by itself too, or null
 *  - layers: for each stage of the model its name, drift (the root mean square of right - left, divided by that of
 *    left) and limit
 *  - operations: for each kind of step op, and for left and right worst, the largest error against float64 as a
 *    fraction of its bound (less the rounding of the result to bf16; above 1: beyond it), and error, the relative root
 *    mean square
 *  - scores: count, identical, mean_difference, largest_difference, beyond; pairs: pairs, flips (margins that change
 *    their sign), beyond (those that rounding does not explain); worst: up to 20 texts with item, text, left, right,
 *    difference, limit
 *  - details: what gd_crosscheck_page() needs
 * With `save`, verdict is "saved", right null, and there is nothing after `steps`.
 *
 * @param options   as for gd_model_open(), for both sides
 * @param how       read during the call, not kept
 * @param progress  NULL, or called after each batch: items are those of both sides
 * @param json      the text, NUL-terminated; the caller frees it with gd_string_free(); NULL on failure
 * @return GD_OK whatever the verdict, or a failure of the whole call; GD_EFORMAT also if a saved side is of other
 *         texts, or of a model with other steps, or no record of the input has a text
 *
 * Time: that of scoring twice, and a tenth to a half more.  Memory: that of scoring, one side after the other; and the
 * record of the left side, some kilobytes for each step and two bytes for each row of a step.
 */
GD_API gd_status gd_crosscheck(const gd_options *options, const gd_crosscheck_options *how, const gd_progress *progress,
                               char **json, gd_error *err);

/** Makes a page from a result of gd_crosscheck(), as gd_eval_page() does. */
GD_API gd_status gd_crosscheck_page(const char *json, char **html, gd_error *err);

/** A number that may be left out: all zero means that it is not given.  This struct will never change. */
typedef struct gd_number {
    int given; /**< not 0: the value counts */
    double value;
} gd_number;

/** How far a training run is, for gd_train_options.report.  The library fills it in; it may grow at its end. */
typedef struct gd_train_report {
    const char *note;     /**< NULL, or a line for the user, without a newline; the other members are then those of the
                               step before */
    uint64_t step, steps; /**< done, and of the whole run */
    double epoch;         /**< passes over the data so far */
    double loss, accuracy, learning_rate, gradient_norm; /**< of the last step */
    double pairs_per_second;                             /**< of the last few steps; 0: not known yet */
    double seconds_left;                                 /**< NaN: not known yet */
    uint64_t scored, to_score; /**< texts of the evaluation after this step that is under way; to_score 0: none is */
} gd_train_report;

/** What gd_train() learns from, and how.  Start from gd_train_options_init(). */
typedef struct gd_train_options {
    size_t struct_size;       /**< set by gd_train_options_init() */
    const char *train;        /**< preferences: as in gd_file_options.input */
    gd_format format;         /**< of all inputs */
    const char *fields;       /**< as in gd_file_options */
    const char *const *evals; /**< [eval_count] data to evaluate on: paths, or "NAME=path" to tell several apart */
    size_t eval_count;
    const char *output; /**< a directory: a new or an empty one, or that of an interrupted run with the same options */
    const char *resume; /**< "auto" (default: continue from the newest checkpoint of the output that is sound), "never"
                              (the output must be new or empty), or the directory of a checkpoint */
    size_t lora_r;      /**< the rank of the adapter's matrices; 0: 32 */
    gd_number lora_alpha;     /**< their product is multiplied by alpha / r; not given: 2 r */
    const char *lora_targets; /**< "all-linear" (default), names separated by commas ("q_proj,v_proj"), or a regular
                                   expression that matches whole names of modules, as in PEFT */
    const char *init_adapter; /**< NULL, or a PEFT adapter to begin with; its ranks, scales and modules are kept */
    gd_number learning_rate;  /**< not given: 1e-5 */
    const char *schedule;     /**< "cosine" (default), "linear" or "constant" */
    gd_number warmup_steps;   /**< steps in which the rate rises from 0; not given: 100, or a tenth of all steps if that
                                   is less */
    gd_number epochs;         /**< passes over the data, perhaps not a whole number; not given: 1 */
    size_t max_steps;         /**< not 0: the number of steps, in place of epochs */
    size_t batch_size;        /**< pairs of a micro-batch; 0: 4 */
    size_t grad_accum;        /**< micro-batches of a step; 0: 4 */
    gd_number weight_decay;   /**< AdamW's; not given: 0 */
    gd_number clip;           /**< the norm to which gradients are clipped, 0 for none; not given: 1 */
    gd_number center_rewards; /**< weight of (chosen + rejected)^2 in the loss; not given: 0 */
    const char *margin_field; /**< NULL, or the field with the margin by which the better text should be better */
    gd_number seed;           /**< of the order of the pairs and the first values, a whole number; not given: 42 */
    size_t eval_every;        /**< evaluate every so many steps as well; 0: only after the last */
    size_t save_every;        /**< write a checkpoint every so many steps; 0: 100 */
    size_t keep;              /**< checkpoints to keep, the newest; 0: 3 */
    const char *best; /**< NULL, or the metric whose best adapter is kept in OUTPUT/best: "eval_accuracy" ..; the
                                   greater is better, but not of a loss */
    size_t patience;  /**< not 0: stop after so many evaluations without a better value of `best`; needs eval_every */
    const char *by;   /**< NULL, or a field of the evaluation's records: metrics for each of its values, too */
    const char *checkpoint_layers; /**< "on": compute each layer again on the way back; "off": keep what it needs;
                                        "auto" (default): as the memory allows.  No bit of the result depends on it */
    const char *compat; /**< NULL, or "trl": what TRL 0.29 with Transformers 5.3 does differently, see gd_train() */
    /** NULL, or called after each step, with each line for the user, and before each batch of an evaluation, which
     *  takes less time than a step.  Returns 0 to continue, anything else to stop after a checkpoint; an evaluation
     *  that is stopped is done again from its beginning. */
    int (*report)(void *context, const gd_train_report *report);
    void *context;
    size_t full; /**< not 0: every weight of the model learns, in place of an adapter; the output is a whole model */
} gd_train_options;

/** Fills *options with the defaults. */
#define gd_train_options_init(options) gd_train_options_init_sized((options), sizeof *(options))
GD_API void gd_train_options_init_sized(gd_train_options *options, size_t struct_size);

/**
 * Trains a LoRA adapter and a reward head on preferences; or every weight of the model, if options->full.
 *
 * A record is a pair, {"chosen":C,"rejected":R}, optionally with a "prompt"; several answers to a prompt, the better
 * ones first, {"prompt":P,"chosen":[..],"rejected":[..]}; or ranked answers, {"prompt":P,"responses":[..],
 * "ranks":[..]}, rank 1 the best.  The loss is the mean of -log sigmoid(better - worse - margin); the optimiser is
 * AdamW (0.9, 0.999, 1e-8).  All micro-batches of a step are computed together: prompts that its texts share are
 * computed once, forward and backward, and nothing is padded.  Records with a text of more than model->max_length
 * tokens (0: what a merged model was trained with, else 512 or what the model allows) are left out and counted, never
 * cut.  doc/training.md has the formulas.
 *
 * Every bit of the result depends only on the model, the data and these options: not on the instruction set, the number
 * of threads, the memory, or interruptions.
 *
 * The output gets: adapter_config.json and adapter_model.safetensors, which PEFT loads as well, with the head;
 * guerdon-adapter.json, how texts were made into tokens, which gd_model_open() applies; the tokenizer's files;
 * log.jsonl with a line for each step and evaluation, names as in TRL; times.jsonl, how long each took; README.md, a
 * model card; report.html, rewritten while it runs; checkpoint-STEP, from which an interrupted run continues; and best.
 *
 * With full, config.json and model.safetensors (fp32) are in the adapter's place: a model for gd_model_open() and
 * Transformers.  Weights, gradients and moments are fp32 in memory; norms and biases don't decay.
 *
 * compat "trl": the loss is divided once more by grad_accum, as Transformers 5.3 does; the end-of-sequence token is
 * appended to plain text; pairs of equal texts count; metrics of an evaluation are means over its batches; with full,
 * the embedding of config.json's pad token has no gradient.
 *
 * @param model    as for gd_model_open(), without an adapter.  dry_run: only read the data, and say in the result how
 *                 many steps and how much memory the run takes
 * @param options  read during the call, not kept
 * @param json     "format" "guerdon-train/1": what the run did; the caller frees it with gd_string_free(); NULL on
 *                 failure
 * @return GD_OK
 *         GD_EUSAGE        an option is wrong, or the output belongs to another run
 *         GD_EIO           a file could not be read or written; a checkpoint that was there still is
 *         GD_EFORMAT       a file is malformed, no record can be used, or a loss or gradient is not finite
 *         GD_EUNSUPPORTED  the model or the backend can't be trained
 *         GD_EINTERRUPTED  `report` asked to stop: the run was saved, and the same call continues it
 *         GD_ENOMEM
 */
GD_API gd_status gd_train(const gd_options *model, const gd_train_options *options, char **json, gd_error *err);

/**
 * Checks files that a program writes itself, such as a page of gd_eval_page(), before it opens them: none may be a file
 * of the model, an input, or another output, whatever names and links lead to it.  (The outputs that the library writes
 * are checked by the calls that write them.)  In the directories of the model and the adapter, only names that end in
 * .jsonl, .csv, .tsv (these with or without .gz or .zst) or .html, or begin with "guerdon-", may be written.
 *
 * @param options  the model's; NULL: there is no model
 * @param inputs   as in gd_file_options, so that "-" is standard input; NULLs are passed over
 * @param outputs  paths; NULLs are passed over, and "-" is standard output, which may be there twice
 * @return GD_OK, also if a model or an input is missing; GD_EUSAGE: an output must not be written; GD_ENOMEM
 */
GD_API gd_status gd_check_outputs(const gd_options *options, const char *const *inputs, size_t input_count,
                                  const char *const *outputs, size_t output_count, gd_error *err);

/** Frees a string that this library returned.  NULL is fine. */
GD_API void gd_string_free(char *string);

#ifdef __cplusplus
}
#endif
#endif
