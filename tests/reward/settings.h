/* settings.h - a model and an adapter, as in edits.h, with a guerdon-adapter.json. */
#ifndef GD_TESTS_REWARD_SETTINGS_H
#define GD_TESTS_REWARD_SETTINGS_H

#include "tests/reward/edits.h"

#define FILE_NAME "guerdon-adapter.json"
#define SETTINGS(scoring) "{\"format\":\"guerdon-adapter/1\",\"scoring\":{" scoring "}}"

/* The options that the file may have. */
struct choice {
    size_t max_length;
    gd_add_eos add_eos;
    const char *chat_format, *turns, *normalize;
};

static inline gd_options options_of(const struct choice *c)
{
    gd_options options;

    gd_options_init(&options);
    options.model = m;
    options.adapter = a;
    options.truncate = GD_TRUNCATE_RIGHT;
    options.max_length = c->max_length;
    options.add_eos = c->add_eos;
    options.chat_format = c->chat_format;
    options.turns = c->turns;
    options.normalize = c->normalize;
    return options;
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, dir_setup, dir_teardown)

#endif
