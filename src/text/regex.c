/* regex.c - matching a compiled pattern. */
#include "text/regex_program.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"

#define MAX_FRAMES ((size_t)4 << 20)

enum { NO_MATCH, MATCH, GIVEN_UP };

void gd_regex_close(gd_regex *regex)
{
    if (!regex)
        return;
    gd_free(regex->code);
    gd_free(regex->sets);
    gd_free(regex->ranges);
    gd_free(regex);
}

void gd_regex_room_free(gd_regex_room *room)
{
    gd_free(room->frames);
    *room = (gd_regex_room){ 0 };
}

uint64_t gd_regex_steps(size_t len) { return 5000000 + 300 * (uint64_t)len; }

static uint32_t category_bit(uint32_t c)
{
    size_t low = 0, high = gd_category_runs_count;

    while (high - low > 1) {
        const size_t mid = low + (high - low) / 2;

        if (gd_category_runs[mid] >> 5 <= c)
            low = mid;
        else
            high = mid;
    }
    return (uint32_t)1 << (gd_category_runs[low] & 31);
}

bool gd_regex_in_set(const gd_regex *regex, const gd_regex_set *set, uint32_t c)
{
    for (size_t i = 0; i < set->count; i++) {
        const gd_regex_range *range = &regex->ranges[set->first + i];

        if (c >= range->low && c <= range->high)
            return !set->negated;
    }
    return (set->categories && (category_bit(c) & set->categories)) != set->negated;
}

/* One try: the whole pattern, or the body of a lookahead or an atomic group. */
typedef struct attempt {
    const gd_regex *regex;
    gd_regex_room *room;
    const unsigned char *s;
    size_t len;
    size_t frames; /* in use, those of the tries around this one included */
} attempt;

/* The length of the character at `at` when it is in the set, or 0. */
static size_t one(const attempt *a, const gd_regex_set *set, size_t at)
{
    size_t n;
    uint32_t c;

    if (at >= a->len)
        return 0;
    if (a->s[at] < 0x80)
        return set->ascii[a->s[at] >> 6] >> (a->s[at] & 63) & 1;
    c = gd_utf8_decode(a->s + at, &n);
    return gd_regex_in_set(a->regex, set, c) ? n : 0;
}

static bool spend(attempt *a, uint64_t steps)
{
    if (a->room->steps < steps) {
        a->room->steps = 0;
        return false;
    }
    a->room->steps -= steps;
    return true;
}

static bool push(attempt *a, gd_regex_frame frame)
{
    if (a->frames == MAX_FRAMES ||
        !gd_grow((void **)&a->room->frames, &a->room->frames_room, a->frames + 1, sizeof frame))
        return false;
    a->room->frames[a->frames++] = frame;
    return true;
}

/* A repeat of one set: takes what it takes first and leaves a frame for the other ways. *at moves. */
static int repeat(attempt *a, uint32_t pc, size_t *at)
{
    const gd_regex_code *code = &a->regex->code[pc];
    const gd_regex_set *set = &a->regex->sets[code->set];
    const uint32_t most = code->op == GD_RE_LAZY ? code->min : code->max;
    size_t place = *at, least = *at;
    uint32_t count = 0;
    gd_regex_frame frame = { pc + 1, 0, 0, 0 };

    while (count < most || most == GD_REGEX_FOREVER) {
        const size_t n = one(a, set, place);

        if (!n)
            break;
        place += n;
        if (++count == code->min)
            least = place;
        if (count == GD_REGEX_FOREVER) /* counts no further: the minimum is long reached */
            count--;
    }
    if (!spend(a, place - *at + 1))
        return GIVEN_UP;
    *at = place;
    if (count < code->min)
        return NO_MATCH;
    frame.place = place;
    frame.least = least;
    if (code->op == GD_RE_GREEDY && place > least && !push(a, frame))
        return GIVEN_UP;
    if (code->op == GD_RE_LAZY && code->max > count) {
        frame.at = pc;
        frame.repeat = code->max == GD_REGEX_FOREVER ? GD_REGEX_FOREVER : code->max - count;
        if (!push(a, frame))
            return GIVEN_UP;
    }
    return MATCH;
}

/* Goes back to the last other way, above the frames `base`: false when there is none. */
static bool back(attempt *a, size_t base, uint32_t *pc, size_t *at)
{
    while (a->frames > base) {
        gd_regex_frame *top = &a->room->frames[a->frames - 1];
        const gd_regex_code *code = &a->regex->code[top->at];
        size_t n;

        *at = top->place;
        *pc = top->at;
        if (top->repeat) { /* a lazy repeat: one character more */
            n = one(a, &a->regex->sets[code->set], top->place);
            *pc = top->at + 1;
            *at += n;
            top->place = *at;
            if (top->repeat != GD_REGEX_FOREVER)
                top->repeat--;
            if (!n || !top->repeat)
                a->frames--;
            if (!n)
                continue;
            return true;
        }
        if (top->place > top->least) { /* a greedy repeat: one character less */
            do
                top->place--;
            while ((a->s[top->place] & 0xC0) == 0x80);
            *at = top->place;
            if (top->place == top->least)
                a->frames--;
            return true;
        }
        a->frames--;
        return true;
    }
    return false;
}

/* Recursive by the nesting of lookahead and atomic groups alone, which the parser bounds. */
static int run(attempt *a, uint32_t pc, size_t *at);

static int nested(attempt *a, uint32_t *pc, size_t *at)
{
    const gd_regex_code *code = &a->regex->code[*pc];
    size_t place = *at;
    const int result = run(a, *pc + 1, &place);

    *pc = (uint32_t)((int32_t)*pc + code->to);
    if (result == GIVEN_UP || code->op == GD_RE_AHEAD)
        return result;
    if (code->op == GD_RE_NOT_AHEAD)
        return result == MATCH ? NO_MATCH : MATCH;
    *at = place;
    return result;
}

static int run(attempt *a, uint32_t pc, size_t *at)
{
    const size_t base = a->frames;
    int result = MATCH;

    for (;;) {
        const gd_regex_code *code = &a->regex->code[pc];
        size_t n;

        if (!spend(a, 1))
            return GIVEN_UP;
        switch (code->op) {
        case GD_RE_SET:
            n = one(a, &a->regex->sets[code->set], *at);
            result = n ? MATCH : NO_MATCH;
            *at += n;
            pc++;
            break;
        case GD_RE_GREEDY:
        case GD_RE_LAZY:
        case GD_RE_KEEP: result = repeat(a, pc++, at); break;
        case GD_RE_SPLIT: {
            const gd_regex_frame frame = { (uint32_t)((int32_t)pc + code->or_to), 0, *at, *at };

            result = push(a, frame) ? MATCH : GIVEN_UP;
            pc = (uint32_t)((int32_t)pc + code->to);
            break;
        }
        case GD_RE_JUMP: pc = (uint32_t)((int32_t)pc + code->to); break;
        case GD_RE_END: a->frames = base; return MATCH; /* what is above was only for other ways */
        default: result = nested(a, &pc, at); break;
        }
        if (result == GIVEN_UP)
            return GIVEN_UP;
        if (result == NO_MATCH && !back(a, base, &pc, at))
            return NO_MATCH;
        result = MATCH;
    }
}

gd_status gd_regex_next(const gd_regex *regex, gd_regex_room *room, const unsigned char *s, size_t len,
                        size_t *from, size_t *to, bool *found, gd_error *err)
{
    size_t n;

    for (size_t start = *from; start < len; start += n) {
        attempt a = { regex, room, s, len, 0 };
        size_t at = start;
        const int result = run(&a, 0, &at);

        if (result == GIVEN_UP)
            return gd_fail(
                err, GD_EFORMAT,
                "a pattern of the tokenizer takes too many steps on this text, at byte %zu of a piece",
                start);
        if (result == MATCH) {
            *from = start;
            *to = at;
            *found = true;
            return GD_OK;
        }
        (void)gd_utf8_decode(s + start, &n);
    }
    *found = false;
    return GD_OK;
}
