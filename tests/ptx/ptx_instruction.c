/* ptx_instruction.c - one instruction: guard, mnemonic, operands; and the operations of ptx_ops.def. */
#include "tests/ptx/ptx_build.h"

#include <stdio.h>
#include <string.h>

struct simple {
    const char *text; /* mnemonics, with blanks between them */
    ptx_code code;
    unsigned operands;
    const char *type[4]; /* of the result, then of the operands */
};

static const struct simple simples[] = {
#define OP1(name, text, D, A, value) { text, PTX_##name, 2, { #D, #A } },
#define OP2(name, text, D, A, B, value) { text, PTX_##name, 3, { #D, #A, #B } },
#define OP3(name, text, D, A, B, C, value) { text, PTX_##name, 4, { #D, #A, #B, #C } },
#define CMP(name, text, A, value)
#define SPECIAL(name)
#include "tests/ptx/ptx_ops.def"
#undef OP1
#undef OP2
#undef OP3
#undef CMP
#undef SPECIAL
};

static const struct simple comparisons[] = {
#define OP1(name, text, D, A, value)
#define OP2(name, text, D, A, B, value)
#define OP3(name, text, D, A, B, C, value)
#define CMP(name, text, A, value) { text, PTX_##name, 2, { #A } },
#define SPECIAL(name)
#include "tests/ptx/ptx_ops.def"
#undef OP1
#undef OP2
#undef OP3
#undef CMP
#undef SPECIAL
};

static bool has_word(const char *words, const char *word)
{
    const size_t n = strlen(word);

    for (const char *at = words; (at = strstr(at, word)); at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0))
            return true;
    return false;
}

static const struct simple *find(const struct simple *all, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (has_word(all[i].text, word))
            return &all[i];
    return NULL;
}

static unsigned bits_of_type(const char *type)
{
    bool is_signed;

    return strcmp(type, "z32") == 0 ? 32 : ptx_type_bits(type, &is_signed);
}

bool ptx_wants_operands(ptx_builder *b, const ptx_statement *s, unsigned least, unsigned most)
{
    if (s->operands >= least && s->operands <= most)
        return true;
    return ptx_fail(&b->r, "%s with %u operands", s->full, s->operands);
}

static bool plain_operands(ptx_builder *b, const ptx_statement *s)
{
    for (unsigned i = 0; i < s->operands; i++)
        if (s->operand[i].kind != PTX_PLAIN || s->operand[i].negated || s->operand[i].paired)
            return ptx_fail(&b->r, "operand %u of %s is not a plain one", i + 1, s->full);
    return true;
}

static bool decode_simple(ptx_builder *b, const ptx_statement *s, const struct simple *k)
{
    uint32_t *const source[] = { &b->op.a, &b->op.b, &b->op.c };

    if (!ptx_wants_operands(b, s, k->operands, k->operands) || !plain_operands(b, s))
        return false;
    b->op.code = k->code;
    b->op.d = ptx_row_written(b, &s->operand[0].item[0], bits_of_type(k->type[0]));
    for (unsigned i = 1; i < k->operands; i++)
        *source[i - 1] = ptx_row_read(b, &s->operand[i].item[0], bits_of_type(k->type[i]));
    return true;
}

/* setp.CMP[.BOOL][.ftz].TYPE p[|q], a, b[, {!}c] */
static bool decode_setp(ptx_builder *b, const ptx_statement *s)
{
    static const char *const joins[] = { "", "and", "or", "xor" };
    const bool joined = s->operands == 4;
    ptx_compare *more = NULL;
    const struct simple *k;
    char key[PTX_NAME];
    unsigned join = 0, i = 2;

    if (!ptx_wants_operands(b, s, 3, 4) || s->parts < 3)
        return ptx_fail(&b->r, "%s is not known", s->full);
    if (joined) {
        for (join = 1; join < 4 && strcmp(s->part[2], joins[join]) != 0;)
            join++;
        i = 3;
    }
    if (join == 4 || s->parts < i + 1)
        return ptx_fail(&b->r, "%s is not known", s->full);
    (void)snprintf(key, sizeof key, "%.20s.%.20s%s%.20s", s->part[1], s->part[i], s->parts > i + 1 ? "." : "",
                   s->parts > i + 1 ? s->part[i + 1] : "");
    k = s->parts > i + 2 ? NULL : find(comparisons, sizeof comparisons / sizeof *comparisons, key);
    if (!k)
        return ptx_fail(&b->r, "%s is not known", s->full);
    if (joined || s->operand[0].paired) {
        more = ptx_keep(b, sizeof *more);
        more->join = join;
        more->q = s->operand[0].paired ? ptx_predicate(b, &s->operand[0].item[1]) : ptx_new_row(b, 1);
        more->other = joined ? ptx_predicate(b, &s->operand[3].item[0]) : PTX_TRUE;
        more->flip = joined && s->operand[3].negated ? PTX_ALL : 0;
    }
    b->op.code = k->code;
    b->op.more = more;
    b->op.d = ptx_predicate(b, &s->operand[0].item[0]);
    b->op.a = ptx_row_read(b, &s->operand[1].item[0], bits_of_type(k->type[0]));
    b->op.b = ptx_row_read(b, &s->operand[2].item[0], bits_of_type(k->type[0]));
    return true;
}

static void cut_at_dots(ptx_statement *s)
{
    memcpy(s->text, s->full, sizeof s->text);
    s->parts = 0;
    for (char *at = s->text; at && s->parts < PTX_MOST_PARTS;) {
        char *dot = strchr(at, '.');

        s->part[s->parts++] = at;
        if (dot)
            *dot++ = 0;
        at = dot;
    }
}

static const char *explain(const char *full)
{
    if (strstr(full, "f32") && strstr(full, ".approx"))
        return ": approximate arithmetic has no contract";
    if (strstr(full, ".f32") &&
        (strncmp(full, "mul", 3) == 0 || strncmp(full, "add", 3) == 0 || strncmp(full, "sub", 3) == 0 ||
         strncmp(full, "fma", 3) == 0 || strncmp(full, "mad", 3) == 0 || strncmp(full, "div", 3) == 0 ||
         strncmp(full, "sqrt", 4) == 0 || strncmp(full, "rcp", 3) == 0))
        return ": fp32 arithmetic must be .rn.ftz";
    if (strstr(full, ".f32"))
        return ": fp32 must be .ftz";
    return "";
}

static bool decode(ptx_builder *b, const ptx_statement *s)
{
    const struct simple *k = NULL;

    if (s->parts == PTX_MOST_PARTS)
        return ptx_fail(&b->r, "%s is not known", s->full);
    if (strcmp(s->part[0], "setp") == 0)
        return decode_setp(b, s);
    if (ptx_decode_data(b, s) || ptx_decode_memory(b, s) || ptx_decode_warp(b, s))
        return true;
    if (!b->r.failed)
        k = find(simples, sizeof simples / sizeof *simples, s->full);
    if (k)
        return decode_simple(b, s, k);
    return ptx_fail(&b->r, "%s is not known%s", s->full, explain(s->full));
}

static bool read_guard(ptx_builder *b)
{
    ptx_operand guard;

    b->op.guard = PTX_TRUE;
    if (!ptx_take_sign(&b->r, '@'))
        return true;
    if (!ptx_read_operand(b, &guard))
        return false;
    b->op.guard = ptx_predicate(b, &guard.item[0]);
    b->op.flip = guard.negated ? PTX_ALL : 0;
    return true;
}

bool ptx_read_instruction(ptx_builder *b)
{
    ptx_statement s;
    ptx_op *added;

    b->op = (ptx_op){ .line = b->r.line };
    s.operands = 0;
    if (!read_guard(b) || !ptx_want_name(&b->r, s.full))
        return false;
    if (strncmp(s.full, "call", 4) == 0)
        return ptx_fail(&b->r, "%s: functions are not known", s.full);
    cut_at_dots(&s);
    if (b->r.token.sign != ';')
        do {
            if (s.operands == PTX_MOST_OPERANDS)
                return ptx_fail(&b->r, "%s with more than %d operands", s.full, PTX_MOST_OPERANDS);
            if (!ptx_read_operand(b, &s.operand[s.operands++]))
                return false;
        } while (ptx_take_sign(&b->r, ','));
    if (b->r.token.sign != ';')
        return ptx_fail(&b->r, "a semicolon is expected after %s", s.full);
    if (!decode(b, &s) || b->r.failed)
        return false;
    added = ptx_list_add(&b->ops, sizeof *added);
    *added = b->op;
    added->run = b->entry->variant->operation[b->op.code];
    ptx_read_next(&b->r);
    return true;
}
