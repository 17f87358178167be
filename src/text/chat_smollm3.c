/* chat_smollm3.c - what SmolLM3's template does in a way of its own. Its system's turn has a date, whether the model is
 * to think, which a system message may say by "/think" or "/no_think", and instructions. "/system_override" leaves all
 * but the instructions out. Unless the system is overridden, its turn has no end, as in the template. */
#include "text/chat_format.h"

#include "text/strip.h"

#include <string.h>

#define PERSONA "You are a helpful AI assistant named SmolLM, trained by Hugging Face."

/* The instructions of a model that thinks, unless a system message has others. */
static const char thorough[] = PERSONA
    " Your role as an assistant involves thoroughly exploring questions through a systematic thinking process "
    "before providing the final precise and accurate solutions. This requires engaging in a comprehensive cycle "
    "of analysis, summarizing, exploration, reassessment, reflection, backtracking, and iteration to develop "
    "well-considered thinking process. Please structure your response into two main sections: Thought and "
    "Solution using the specified format: <think> Thought section </think> Solution section. In the Thought "
    "section, detail your reasoning process in steps. Each step should include detailed considerations such as "
    "analysing questions, summarizing relevant findings, brainstorming new ideas, verifying the accuracy of the "
    "current steps, refining any errors, and revisiting previous steps. In the Solution section, based on "
    "various attempts, explorations, and reflections from the Thought section, systematically present the "
    "final solution that you deem correct. The Solution section should be logical, accurate, and concise and "
    "detail necessary steps needed to reach the conclusion.";

static bool holds(gd_text text, const char *mark)
{
    size_t at;

    return gd_find_first(text, mark, &at);
}

/* Removes every mark from what was written since `from`. */
static void remove_all(gd_buf *out, size_t from, const char *mark)
{
    const size_t len = strlen(mark);
    size_t to = from;

    for (size_t i = from; i < out->len;) {
        if (out->len - i >= len && !memcmp(out->data + i, mark, len))
            i += len;
        else
            out->data[to++] = out->data[i++];
    }
    out->len = to;
}

/* rstrip() of what was written since `from`. */
static void strip_end(gd_buf *out, size_t from)
{
    if (out->len > from) {
        const gd_text written = { out->data + from, out->len - from }, stripped = gd_strip(written);

        out->len = stripped.len ? (size_t)(stripped.data - out->data) + stripped.len : from;
    }
}

/* The system message without the words that say whether to think. */
static void put_instructions(gd_text content, gd_buf *out)
{
    const size_t from = out->len;

    gd_buf_bytes(out, content.data, content.len);
    remove_all(out, from, "/no_think");
    remove_all(out, from, "/think");
    strip_end(out, from);
}

bool gd_smollm3_put_system(const gd_chat *chat, const gd_text *content, gd_buf *out)
{
    const gd_text system = content ? *content : (gd_text){ "", 0 };
    const bool thinks = !holds(system, "/no_think");
    size_t from;

    gd_buf_str(out, chat->opening.before);
    if (holds(system, "/system_override")) {
        from = out->len;
        put_instructions(system, out);
        remove_all(out, from, "/system_override");
        strip_end(out, from);
        gd_buf_str(out, chat->opening.after);
        return thinks;
    }
    gd_buf_str(out, "## Metadata\n\nKnowledge Cutoff Date: June 2025\nToday Date: ");
    gd_buf_str(out, chat->values[GD_CHAT_DATE]);
    gd_buf_str(out, thinks ? "\nReasoning Mode: /think" : "\nReasoning Mode: /no_think");
    gd_buf_str(out, "\n\n## Custom Instructions\n\n");
    from = out->len;
    put_instructions(system, out);
    if (out->len == from)
        gd_buf_str(out, thinks ? thorough : PERSONA);
    gd_buf_str(out, "\n\n");
    return thinks;
}

void gd_smollm3_put_answer(const gd_chat_turn *turn, gd_text content, bool thinks, gd_buf *out)
{
    gd_buf_str(out, turn->before);
    if (!thinks)
        gd_buf_str(out, "<think>\n\n</think>\n");
    content = gd_strip_newlines_before(content);
    gd_buf_bytes(out, content.data, content.len);
    gd_buf_str(out, turn->after);
}
