/* ptx_decode_memory.c - ld, st, cp.async and ldmatrix. */
#include "tests/ptx/ptx_build.h"

#include <string.h>

/* What changes no value: cache hints, and the ordering that a single block can't tell. */
static bool is_hint(const char *part)
{
    static const char *const hints[] = { "ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc", "weak", "volatile" };

    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (strcmp(part, hints[i]) == 0)
            return true;
    return strncmp(part, "L1::", 4) == 0 || strncmp(part, "L2::", 4) == 0;
}

static bool space_of(const char *part, ptx_space *space)
{
    static const struct {
        const char *name;
        ptx_space space;
    } all[] = { { "global", PTX_GLOBAL },
                { "shared", PTX_SHARED },
                { "shared::cta", PTX_SHARED },
                { "local", PTX_LOCAL },
                { "param", PTX_PARAM } };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(part, all[i].name) == 0) {
            *space = all[i].space;
            return true;
        }
    return false;
}

/* The modifiers between the opcode and the type. */
static bool read_modifiers(ptx_builder *b, const ptx_statement *s, ptx_access *access)
{
    access->count = 1;
    for (unsigned i = 1; i + 1 < s->parts; i++) {
        if (strcmp(s->part[i], "v2") == 0)
            access->count = 2;
        else if (strcmp(s->part[i], "v4") == 0)
            access->count = 4;
        else if (!is_hint(s->part[i]) && !space_of(s->part[i], &access->space))
            return ptx_fail(&b->r, "%s: .%s is not known", s->full, s->part[i]);
    }
    return true;
}

static bool element_rows(ptx_builder *b, const ptx_statement *s, const ptx_operand *o, ptx_access *access, bool written)
{
    const unsigned bits = 8 * access->size, least = bits < 16 ? 16 : bits;

    if (o->kind == PTX_ADDRESS || o->count != access->count || (o->kind == PTX_LIST) != (access->count > 1))
        return ptx_fail(&b->r, "%s with %u registers", s->full, o->count);
    for (unsigned i = 0; i < access->count; i++) {
        const ptx_value *v = &o->item[i];

        access->width[i] = v->kind == PTX_REGISTER && v->width > least ? v->width : least;
        access->row[i] = written ? ptx_row_written(b, v, access->width[i]) : ptx_row_read(b, v, access->width[i]);
    }
    return true;
}

static bool decode_access(ptx_builder *b, const ptx_statement *s, bool load)
{
    const ptx_operand *address = &s->operand[load ? 1 : 0], *data = &s->operand[load ? 0 : 1];
    ptx_access *access = ptx_keep(b, sizeof *access);
    const unsigned bits = ptx_type_bits(s->part[s->parts - 1], &access->extends);

    if (s->parts < 2 || bits < 8)
        return ptx_fail(&b->r, "%s is not known", s->full);
    if (!ptx_wants_operands(b, s, 2, 2) || !read_modifiers(b, s, access))
        return false;
    access->size = bits / 8;
    if (access->size * access->count > 16)
        return ptx_fail(&b->r, "%s of more than 16 bytes", s->full);
    if (access->space == PTX_PARAM && !load)
        return ptx_fail(&b->r, "%s writes to a parameter", s->full);
    b->op.code = load ? PTX_ld : PTX_st;
    b->op.a = ptx_base(b, address, &access->wide);
    b->op.offset = address->offset;
    b->op.more = access;
    if (access->space != PTX_SHARED && access->space != PTX_LOCAL && !access->wide)
        return ptx_fail(&b->r, "%s with an address of 32 bits", s->full);
    return element_rows(b, s, data, access, load);
}

/* cp.async.{ca,cg}.shared.global [to], [from], size{, read}; commit_group; wait_group n; wait_all */
static bool decode_cp(ptx_builder *b, const ptx_statement *s)
{
    ptx_cp_async *copy;
    uint64_t size;
    bool wide;

    if (strcmp(s->full, "cp.async.commit_group") == 0 || strcmp(s->full, "cp.async.wait_all") == 0) {
        b->op.code = s->part[2][0] == 'c' ? PTX_cp_commit : PTX_cp_wait;
        b->op.offset = -1;
        return ptx_wants_operands(b, s, 0, 0);
    }
    if (strcmp(s->full, "cp.async.wait_group") == 0) {
        b->op.code = PTX_cp_wait;
        b->op.offset = (int64_t)s->operand[0].item[0].number;
        return s->operands == 1 && s->operand[0].item[0].kind == PTX_NUMBER
                   ? true
                   : ptx_fail(&b->r, "%s needs a number", s->full);
    }
    if (s->parts < 5 || strcmp(s->part[1], "async") != 0 ||
        (strcmp(s->part[2], "ca") != 0 && strcmp(s->part[2], "cg") != 0) ||
        (strcmp(s->part[3], "shared") != 0 && strcmp(s->part[3], "shared::cta") != 0) ||
        strcmp(s->part[4], "global") != 0 || s->parts > 6 || (s->parts == 6 && !is_hint(s->part[5])))
        return ptx_fail(&b->r, "%s is not known", s->full);
    if (!ptx_wants_operands(b, s, 3, 4))
        return false;
    size = s->operand[2].item[0].number;
    if (s->operand[2].item[0].kind != PTX_NUMBER || (size != 16 && (s->part[2][1] == 'g' || (size != 4 && size != 8))))
        return ptx_fail(&b->r, "%s of this many bytes is not known", s->full);
    copy = ptx_keep(b, sizeof *copy);
    copy->size = (uint32_t)size;
    copy->to_offset = s->operand[0].offset;
    copy->from_offset = s->operand[1].offset;
    b->op.code = PTX_cp_async;
    b->op.a = ptx_base(b, &s->operand[0], &copy->to_wide);
    b->op.b = ptx_base(b, &s->operand[1], &wide);
    b->op.c = s->operands == 4 ? ptx_row_read(b, &s->operand[3].item[0], 32) : ptx_constant(b, size, 32);
    b->op.more = copy;
    return wide || ptx_fail(&b->r, "%s from an address of 32 bits", s->full);
}

static bool decode_ldmatrix(ptx_builder *b, const ptx_statement *s)
{
    static const char begin[] = "ldmatrix.sync.aligned.m8n8.";
    ptx_matrices *m = ptx_keep(b, sizeof *m);
    const bool transposed = s->parts == 8 && strcmp(s->part[5], "trans") == 0;
    const char *count = s->parts > 4 ? s->part[4] : "";
    const ptx_operand *to = &s->operand[0];

    m->transposed = transposed;
    m->count = strcmp(count, "x1") == 0 ? 1 : strcmp(count, "x2") == 0 ? 2 : strcmp(count, "x4") == 0 ? 4 : 0;
    if (m->count == 0 || s->parts != (transposed ? 8u : 7u) || strncmp(s->full, begin, strlen(begin)) != 0 ||
        strncmp(s->part[s->parts - 2], "shared", 6) != 0 || strcmp(s->part[s->parts - 1], "b16") != 0)
        return ptx_fail(&b->r, "%s is not known", s->full);
    if (!ptx_wants_operands(b, s, 2, 2))
        return false;
    if (to->count != m->count)
        return ptx_fail(&b->r, "%s to %u registers", s->full, to->count);
    for (unsigned i = 0; i < m->count; i++)
        m->row[i] = ptx_row_written(b, &to->item[i], 32);
    b->op.code = PTX_ldmatrix;
    b->op.a = ptx_base(b, &s->operand[1], &m->wide);
    b->op.offset = s->operand[1].offset;
    b->op.more = m;
    return true;
}

bool ptx_decode_memory(ptx_builder *b, const ptx_statement *s)
{
    if (strcmp(s->part[0], "ld") == 0 || strcmp(s->part[0], "ldu") == 0)
        return decode_access(b, s, true);
    if (strcmp(s->part[0], "st") == 0)
        return decode_access(b, s, false);
    if (strcmp(s->part[0], "cp") == 0)
        return decode_cp(b, s);
    if (strcmp(s->part[0], "ldmatrix") == 0)
        return decode_ldmatrix(b, s);
    return false;
}
