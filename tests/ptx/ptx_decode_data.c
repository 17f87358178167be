/* ptx_decode_data.c - moves of parts, predicates, choices, and conversions among integers. */
#include "tests/ptx/ptx_build.h"

#include <string.h>

static bool is(const ptx_statement *s, const char *opcode) { return strcmp(s->part[0], opcode) == 0; }

static const char *last(const ptx_statement *s) { return s->part[s->parts - 1]; }

/* mov.b64 {a, b}, c and mov.b64 c, {a, b} */
static bool decode_parts(ptx_builder *b, const ptx_statement *s)
{
    const bool packs = s->operand[1].kind == PTX_LIST;
    const ptx_operand *list = &s->operand[packs ? 1 : 0], *whole = &s->operand[packs ? 0 : 1];
    ptx_parts *p = ptx_keep(b, sizeof *p);
    bool is_signed;
    const unsigned bits = ptx_type_bits(last(s), &is_signed);

    if (s->parts != 2 || bits < 32 || (list->count != 2 && list->count != 4) || whole->kind != PTX_PLAIN)
        return ptx_fail(&b->r, "%s of these operands is not known", s->full);
    p->count = list->count;
    p->width = bits / list->count;
    if (p->width < 16)
        return ptx_fail(&b->r, "%s with parts of 8 bits is not known", s->full);
    for (unsigned i = 0; i < p->count; i++)
        p->row[i] = packs ? ptx_row_read(b, &list->item[i], p->width) : ptx_row_written(b, &list->item[i], p->width);
    b->op.code = packs ? PTX_pack : PTX_unpack;
    b->op.more = p;
    if (packs)
        b->op.d = ptx_row_written(b, &whole->item[0], bits);
    else
        b->op.a = ptx_row_read(b, &whole->item[0], bits);
    return true;
}

/* and, or, xor, not, mov of predicates */
static bool decode_predicates(ptx_builder *b, const ptx_statement *s)
{
    static const struct {
        const char *name;
        ptx_code code;
        unsigned operands;
    } all[] = { { "and.pred", PTX_and_pred, 3 },
                { "or.pred", PTX_or_pred, 3 },
                { "xor.pred", PTX_xor_pred, 3 },
                { "not.pred", PTX_not_pred, 2 },
                { "mov.pred", PTX_mov_pred, 2 } };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(s->full, all[i].name) != 0)
            continue;
        if (!ptx_wants_operands(b, s, all[i].operands, all[i].operands))
            return false;
        b->op.code = all[i].code;
        b->op.d = ptx_predicate(b, &s->operand[0].item[0]);
        b->op.a = ptx_predicate(b, &s->operand[1].item[0]);
        b->op.b = all[i].operands == 3 ? ptx_predicate(b, &s->operand[2].item[0]) : PTX_TRUE;
        return true;
    }
    return ptx_fail(&b->r, "%s is not known", s->full);
}

static bool decode_selp(ptx_builder *b, const ptx_statement *s)
{
    bool is_signed;
    const unsigned bits = ptx_type_bits(last(s), &is_signed);

    if (s->parts != 2 || bits < 16)
        return ptx_fail(&b->r, "%s is not known", s->full);
    if (!ptx_wants_operands(b, s, 4, 4))
        return false;
    b->op.code = bits == 64 ? PTX_selp_64 : bits == 32 ? PTX_selp_32 : PTX_selp_16;
    b->op.d = ptx_row_written(b, &s->operand[0].item[0], bits);
    b->op.a = ptx_row_read(b, &s->operand[1].item[0], bits);
    b->op.b = ptx_row_read(b, &s->operand[2].item[0], bits);
    b->op.c = ptx_predicate(b, &s->operand[3].item[0]);
    return true;
}

/* bfi d, field, into, position, length: the length's row is `offset` */
static bool decode_bfi(ptx_builder *b, const ptx_statement *s)
{
    const bool wide = strcmp(s->full, "bfi.b64") == 0;
    const unsigned bits = wide ? 64 : 32;

    if (!wide && strcmp(s->full, "bfi.b32") != 0)
        return ptx_fail(&b->r, "%s is not known", s->full);
    if (!ptx_wants_operands(b, s, 5, 5))
        return false;
    b->op.code = wide ? PTX_bfi_64 : PTX_bfi_32;
    b->op.d = ptx_row_written(b, &s->operand[0].item[0], bits);
    b->op.a = ptx_row_read(b, &s->operand[1].item[0], bits);
    b->op.b = ptx_row_read(b, &s->operand[2].item[0], bits);
    b->op.c = ptx_row_read(b, &s->operand[3].item[0], 32);
    b->op.offset = ptx_row_read(b, &s->operand[4].item[0], 32);
    return true;
}

/* lop3 d, a, b, c, table */
static bool decode_lop3(ptx_builder *b, const ptx_statement *s)
{
    if (strcmp(s->full, "lop3.b32") != 0 || s->operands != 5 || s->operand[4].item[0].kind != PTX_NUMBER)
        return ptx_fail(&b->r, "%s is not known", s->full);
    b->op.code = PTX_lop3;
    b->op.d = ptx_row_written(b, &s->operand[0].item[0], 32);
    b->op.a = ptx_row_read(b, &s->operand[1].item[0], 32);
    b->op.b = ptx_row_read(b, &s->operand[2].item[0], 32);
    b->op.c = ptx_row_read(b, &s->operand[3].item[0], 32);
    b->op.offset = (int64_t)s->operand[4].item[0].number;
    return true;
}

/* Registers may be wider than the types of a conversion. */
static unsigned register_bits(const ptx_value *v, unsigned least)
{
    return v->kind == PTX_REGISTER && v->width > least ? v->width : least;
}

static bool decode_cvt(ptx_builder *b, const ptx_statement *s)
{
    ptx_integers t = { 0 };
    ptx_integers *kept;

    if (s->parts != 3 || strchr("us", s->part[1][0]) == NULL || strchr("us", s->part[2][0]) == NULL)
        return false; /* one with a float */
    t.to = ptx_type_bits(s->part[1], &t.to_signed);
    t.from = ptx_type_bits(s->part[2], &t.from_signed);
    if (t.to == 0 || t.from == 0)
        return false;
    if (!ptx_wants_operands(b, s, 2, 2))
        return false;
    t.to_row = register_bits(&s->operand[0].item[0], t.to < 16 ? 16 : t.to);
    t.from_row = register_bits(&s->operand[1].item[0], t.from < 16 ? 16 : t.from);
    b->op.d = ptx_row_written(b, &s->operand[0].item[0], t.to_row);
    b->op.a = ptx_row_read(b, &s->operand[1].item[0], t.from_row);
    b->op.code = PTX_cvt_integers;
    b->op.more = kept = ptx_keep(b, sizeof t);
    *kept = t;
    return true;
}

/* cvta.SPACE and cvta.to.SPACE: `offset` is the space's window. */
static bool decode_cvta(ptx_builder *b, const ptx_statement *s)
{
    const bool to = s->parts == 4 && strcmp(s->part[1], "to") == 0;
    const char *space = s->parts >= 3 ? s->part[s->parts - 2] : "";
    int64_t window = -1;

    if (strcmp(space, "global") == 0)
        window = 0;
    if (strcmp(space, "shared") == 0)
        window = (int64_t)PTX_SHARED_WINDOW;
    if (strcmp(space, "local") == 0)
        window = (int64_t)PTX_LOCAL_WINDOW;
    if (strcmp(space, "param") == 0)
        window = (int64_t)PTX_PARAM_WINDOW;
    if (window < 0 || (!to && s->parts != 3) || strcmp(last(s), "u64") != 0)
        return ptx_fail(&b->r, "%s is not known", s->full);
    if (!ptx_wants_operands(b, s, 2, 2))
        return false;
    b->op.code = to ? PTX_cvta_to : PTX_cvta;
    b->op.offset = window;
    b->op.d = ptx_row_written(b, &s->operand[0].item[0], 64);
    b->op.a = ptx_row_read(b, &s->operand[1].item[0], 64);
    return true;
}

bool ptx_decode_data(ptx_builder *b, const ptx_statement *s)
{
    if (is(s, "mov") && s->operands == 2 && (s->operand[0].kind == PTX_LIST || s->operand[1].kind == PTX_LIST))
        return decode_parts(b, s);
    if (s->parts == 2 && strcmp(last(s), "pred") == 0)
        return decode_predicates(b, s);
    if (is(s, "selp"))
        return decode_selp(b, s);
    if (is(s, "bfi"))
        return decode_bfi(b, s);
    if (is(s, "lop3"))
        return decode_lop3(b, s);
    if (is(s, "cvt"))
        return decode_cvt(b, s);
    if (is(s, "cvta"))
        return decode_cvta(b, s);
    return false;
}
