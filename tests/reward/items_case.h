/* items_case.h - items in memory, to score. */
#ifndef GD_TESTS_REWARD_ITEMS_CASE_H
#define GD_TESTS_REWARD_ITEMS_CASE_H

#include "tests/reward/golden.h"

#define T(s)                         \
    {                                \
        .text = { s, sizeof(s) - 1 } \
    }
#define M(role, content)                                             \
    {                                                                \
        { role, sizeof(role) - 1 }, { content, sizeof(content) - 1 } \
    }
#define TALK(m)                                                    \
    {                                                              \
        .messages = (m), .message_count = sizeof(m) / sizeof(m)[0] \
    }
#define ITEM(of, before, list)                                                                          \
    {                                                                                                   \
        .kind = (of), .prompt = (before), .parts = (list), .part_count = sizeof(list) / sizeof(list)[0] \
    }

static const gd_message yes[] = { M("assistant", "Yes, it is.") };
static const gd_message no[] = { M("assistant", "No."), M("user", "Are you sure?"), M("assistant", "Now I am.") };
static const gd_message whole[] = { M("user", "Is tea hot?"), M("assistant", "It can be.") };

static const gd_part question = T("Is tea hot? ");
static const gd_part one[] = { T("Hello there") };
static const gd_part pair[] = { T("Yes, it is."), T("No.") };
static const gd_part answers[] = { T("Yes."), T("No."), T("Yes, it is."), T("") };
static const gd_part longer[] = { T(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen") };
static const gd_part told[] = { TALK(whole) }, talks[] = { TALK(yes), TALK(no) };

static inline gd_model *open_model(const char *name, const char *chat, size_t batch_tokens)
{
    gd_options options = golden_options(name, 0);
    gd_model *model;

    options.max_length = 32;
    options.chat_format = chat;
    options.batch_tokens = batch_tokens;
    assert_ok(gd_model_open(&model, &options, test_err));
    return model;
}

#endif
