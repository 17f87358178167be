/* texts.h - texts to score: made of random words of the model's vocabulary, or read from a file.
 *
 * Generated texts have exactly the requested number of tokens: a word is a token by itself, and the parts of a text end
 * at word boundaries. */
#ifndef GD_BENCH_TEXTS_H
#define GD_BENCH_TEXTS_H

#include "base/buf.h"
#include "reward/model.h"

enum { GD_BENCH_WORDS = 256, GD_BENCH_WORD_ROOM = 24 };

typedef struct gd_bench_words {
    char word[GD_BENCH_WORDS][GD_BENCH_WORD_ROOM]; /* with the leading space */
    size_t count;
    size_t frame;    /* special tokens around each text */
    bool exact;      /* each word is one token; false if the vocabulary has no such words */
    uint32_t random; /* the generator's state: every run has the same texts */
} gd_bench_words;

/* Finds words in a vocabulary. */
gd_status gd_bench_words_find(gd_bench_words *words, const gd_tokenizer *tokenizer, gd_error *err);

/* All zero at first. */
typedef struct gd_bench_texts {
    gd_buf bytes;
    size_t *begin;  /* [count] */
    gd_text *texts; /* [count] after gd_bench_texts_end() */
    size_t count, begin_room, text_room;
    size_t groups; /* generated: texts with the same beginning; read: pairs */
} gd_bench_texts;

void gd_bench_texts_free(gd_bench_texts *texts);

/* Adds a text; call gd_bench_texts_end() after the last one. */
gd_status gd_bench_texts_add(gd_bench_texts *texts, gd_text text, gd_error *err);
gd_status gd_bench_texts_end(gd_bench_texts *texts, gd_error *err);

/* What to generate: `groups` times `each` texts; those of a group share their first `shared` tokens, and have `own`
 * more. */
typedef struct gd_bench_recipe {
    size_t groups, each, shared, own;
} gd_bench_recipe;
gd_status gd_bench_texts_make(gd_bench_texts *texts, gd_bench_words *words, const gd_bench_recipe *recipe,
                              gd_error *err);

/* The texts of a file's first records, up to about `tokens` tokens, but at least one record; records that can't be
 * scored are omitted, and counted in *left_out. */
gd_status gd_bench_texts_read(gd_bench_texts *texts, const gd_model *model, const gd_bench_options *how, size_t tokens,
                              size_t *left_out, gd_error *err);

typedef struct gd_bench_count {
    size_t tokens, rows;
} gd_bench_count;

/* The tokens, and the rows of a single batch of all texts. */
gd_status gd_bench_texts_count(gd_bench_count *count, const gd_bench_texts *texts, const gd_model *model,
                               gd_error *err);

/* Scores the texts like gd_score(), and also reports the tokens and the rows computed. */
gd_status gd_bench_texts_score(gd_bench_count *count, const gd_bench_texts *texts, gd_model *model, gd_error *err);

#endif
