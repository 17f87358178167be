/* ptx_operand.c - operands: registers, constants, special registers, symbols, vectors and addresses. */
#include "tests/ptx/ptx_build.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void *ptx_list_add(ptx_list *list, size_t size)
{
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->items = realloc(list->items, list->room * size);
        if (!list->items)
            abort();
    }
    return memset((char *)list->items + list->count++ * size, 0, size);
}

void *ptx_keep(ptx_builder *b, size_t bytes)
{
    ptx_allocation *a = calloc(1, sizeof *a + bytes);

    if (!a)
        abort();
    a->next = b->entry->allocations;
    b->entry->allocations = a;
    return a->data;
}

uint32_t ptx_new_row(ptx_builder *b, unsigned width)
{
    const uint32_t row = (uint32_t)b->entry->file_bytes;

    if (width == 1)
        return b->entry->predicates++;
    b->entry->file_bytes += width == 64 ? PTX_ROW64 : PTX_ROW32;
    return row;
}

static uint32_t filled_row(ptx_builder *b, ptx_source source, unsigned axis, uint64_t value, unsigned width)
{
    const bool wide = width == 64;
    ptx_filled *f = b->filled.items;

    for (size_t i = 0; i < b->filled.count; i++)
        if (f[i].source == source && f[i].axis == axis && f[i].value == value && f[i].wide == wide)
            return f[i].row;
    f = ptx_list_add(&b->filled, sizeof *f);
    *f = (ptx_filled){ source, axis, wide, ptx_new_row(b, width), value };
    return f->row;
}

uint32_t ptx_constant(ptx_builder *b, uint64_t value, unsigned width)
{
    if (width < 64)
        value &= (1ull << width) - 1;
    return filled_row(b, PTX_CONSTANT, 0, value, width);
}

uint32_t ptx_row_read(ptx_builder *b, const ptx_value *v, unsigned width)
{
    switch (v->kind) {
    case PTX_REGISTER:
        if (v->width != width)
            (void)ptx_fail(&b->r, "%s has %u bits, the operation reads %u", v->name, v->width, width);
        return v->row;
    case PTX_NUMBER: return ptx_constant(b, v->number, width);
    case PTX_SYMBOL:
        if (v->symbol->dynamic)
            return filled_row(b, PTX_DYNAMIC_BASE, 0, 0, width);
        return ptx_constant(b, v->symbol->offset, width);
    case PTX_SPECIAL_REGISTER: return filled_row(b, v->source, v->axis, 0, width);
    default: (void)ptx_fail(&b->r, "%s can't be read here", v->name); return 0;
    }
}

uint32_t ptx_row_written(ptx_builder *b, const ptx_value *v, unsigned width)
{
    if (v->kind == PTX_SINK)
        return ptx_new_row(b, width);
    if (v->kind != PTX_REGISTER)
        (void)ptx_fail(&b->r, "a result needs a register");
    else if (v->width != width)
        (void)ptx_fail(&b->r, "%s has %u bits, the result has %u", v->name, v->width, width);
    return v->row;
}

uint32_t ptx_predicate(ptx_builder *b, const ptx_value *v)
{
    if (v->kind == PTX_NUMBER)
        return v->number ? PTX_TRUE : PTX_FALSE;
    if (v->kind == PTX_SINK)
        return ptx_new_row(b, 1);
    if (v->kind != PTX_REGISTER || v->width != 1)
        (void)ptx_fail(&b->r, "%s is no predicate", v->name);
    return v->row;
}

uint32_t ptx_base(ptx_builder *b, const ptx_operand *o, bool *wide)
{
    const ptx_value *v = &o->item[0];

    *wide = true;
    if (o->kind != PTX_ADDRESS) {
        (void)ptx_fail(&b->r, "an address in brackets is expected");
        return 0;
    }
    *wide = v->kind != PTX_REGISTER || v->width != 32;
    return ptx_row_read(b, v, *wide ? 64 : 32);
}

static const struct special {
    const char *name;
    ptx_source source;
    unsigned axis;
} specials[] = {
    { "%tid.x", PTX_TID, 0 },
    { "%tid.y", PTX_TID, 1 },
    { "%tid.z", PTX_TID, 2 },
    { "%ctaid.x", PTX_CTAID, 0 },
    { "%ctaid.y", PTX_CTAID, 1 },
    { "%ctaid.z", PTX_CTAID, 2 },
    { "%ntid.x", PTX_NTID, 0 },
    { "%ntid.y", PTX_NTID, 1 },
    { "%ntid.z", PTX_NTID, 2 },
    { "%nctaid.x", PTX_NCTAID, 0 },
    { "%nctaid.y", PTX_NCTAID, 1 },
    { "%nctaid.z", PTX_NCTAID, 2 },
    { "%laneid", PTX_LANEID, 0 },
    { "%warpid", PTX_WARPID, 0 },
    { "%lanemask_lt", PTX_LANEMASK_LT, 0 },
    { "%lanemask_le", PTX_LANEMASK_LE, 0 },
    { "%lanemask_eq", PTX_LANEMASK_EQ, 0 },
    { "%lanemask_ge", PTX_LANEMASK_GE, 0 },
    { "%lanemask_gt", PTX_LANEMASK_GT, 0 },
    { "%dynamic_smem_size", PTX_DYNAMIC_SIZE, 0 },
    { "%total_smem_size", PTX_TOTAL_SIZE, 0 },
};

static bool find_special(const char *name, ptx_value *v)
{
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
        if (strcmp(specials[i].name, name) == 0) {
            v->kind = PTX_SPECIAL_REGISTER;
            v->source = specials[i].source;
            v->axis = specials[i].axis;
            return true;
        }
    return false;
}

/* The latest declaration counts: an inner brace may have its own register of a name. */
static bool find_register(const ptx_builder *b, const char *name, ptx_value *v)
{
    const ptx_registers *all = b->registers.items;

    for (size_t i = b->registers.count; i-- > 0;) {
        const ptx_registers *g = &all[i];
        const size_t n = strlen(g->prefix);
        uint64_t index = 0;

        if (strncmp(g->prefix, name, n) != 0)
            continue;
        if (g->count ? !isdigit((unsigned char)name[n]) || strspn(name + n, "0123456789") != strlen(name + n) : name[n])
            continue;
        if (g->count)
            index = strtoull(name + n, NULL, 10);
        if (g->count && index >= g->count)
            continue;
        v->kind = PTX_REGISTER;
        v->width = g->width;
        v->row = g->first + (uint32_t)index * (g->width == 1 ? 1 : g->width == 64 ? PTX_ROW64 : PTX_ROW32);
        return true;
    }
    return false;
}

static bool find_symbol(const ptx_builder *b, const char *name, ptx_value *v)
{
    const ptx_symbol *all = b->symbols.items;

    for (size_t i = b->symbols.count; i-- > 0;)
        if (strcmp(all[i].name, name) == 0) {
            v->kind = PTX_SYMBOL;
            v->symbol = &all[i];
            return true;
        }
    return false;
}

static bool read_value(ptx_builder *b, ptx_value *v)
{
    ptx_reader *r = &b->r;

    *v = (ptx_value){ .kind = PTX_NUMBER };
    if (r->token.kind != PTX_TOKEN_NAME)
        return ptx_want_number(r, &v->number);
    memcpy(v->name, r->token.name, sizeof v->name);
    if (strcmp(v->name, "WARP_SZ") == 0)
        v->number = PTX_LANES;
    else if (strcmp(v->name, "_") == 0)
        v->kind = PTX_SINK;
    else if (v->name[0] == '$')
        v->kind = PTX_LABEL_NAME;
    else if (!find_register(b, v->name, v) && !find_special(v->name, v) && !find_symbol(b, v->name, v)) {
        if (v->name[0] == '%')
            return ptx_fail(r, "%s is neither a register nor a special register that is known", v->name);
        v->kind = PTX_LABEL_NAME;
    }
    ptx_read_next(r);
    return true;
}

static bool read_list(ptx_builder *b, ptx_operand *o)
{
    o->kind = PTX_LIST;
    do {
        if (o->count == PTX_MOST_ITEMS)
            return ptx_fail(&b->r, "a list of more than %d", PTX_MOST_ITEMS);
        if (!read_value(b, &o->item[o->count++]))
            return false;
    } while (ptx_take_sign(&b->r, ','));
    return ptx_want_sign(&b->r, '}');
}

static bool read_address(ptx_builder *b, ptx_operand *o)
{
    uint64_t number = 0;

    o->kind = PTX_ADDRESS;
    o->count = 1;
    if (!read_value(b, &o->item[0]))
        return false;
    if (ptx_take_sign(&b->r, '+') && !ptx_want_number(&b->r, &number))
        return false;
    o->offset = (int64_t)number;
    return ptx_want_sign(&b->r, ']');
}

bool ptx_read_operand(ptx_builder *b, ptx_operand *o)
{
    *o = (ptx_operand){ .kind = PTX_PLAIN };
    if (ptx_take_sign(&b->r, '{'))
        return read_list(b, o);
    if (ptx_take_sign(&b->r, '['))
        return read_address(b, o);
    o->negated = ptx_take_sign(&b->r, '!');
    o->count = 1;
    if (!read_value(b, &o->item[0]))
        return false;
    if (ptx_take_sign(&b->r, '|')) {
        o->paired = true;
        o->count = 2;
        return read_value(b, &o->item[1]);
    }
    return true;
}
