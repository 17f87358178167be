/* ptx_decode.c - a module: its directives, and the entries' parameters, variables and labels. */
#include "tests/ptx/ptx_build.h"
#include "tests/ptx/ptx_warp.h"

#include <stdlib.h>
#include <string.h>

unsigned ptx_type_bits(const char *name, bool *is_signed)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = { { "pred", 1 }, { "b8", 8 },     { "u8", 8 },    { "s8", 8 },     { "b16", 16 },
                  { "u16", 16 }, { "s16", 16 },   { "f16", 16 },  { "b32", 32 },   { "u32", 32 },
                  { "s32", 32 }, { "f32", 32 },   { "b64", 64 },  { "u64", 64 },   { "s64", 64 },
                  { "f64", 64 }, { "f16x2", 32 }, { "bf16", 16 }, { "bf16x2", 32 } };

    *is_signed = name[0] == 's';
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].bits;
    return 0;
}

static void skip_line(ptx_reader *r)
{
    r->at += strcspn(r->at, "\n");
    ptx_read_next(r);
}

/* A type, with its dot. */
static unsigned want_type(ptx_reader *r)
{
    char name[PTX_NAME];
    bool is_signed;
    unsigned bits = 0;

    if (!ptx_want_name(r, name))
        return 0;
    if (name[0] == '.')
        bits = ptx_type_bits(name + 1, &is_signed);
    if (bits == 0)
        (void)ptx_fail(r, "the type %s is not known", name);
    return bits;
}

static uint64_t aligned(uint64_t at, uint64_t align) { return align ? (at + align - 1) / align * align : at; }

/* .align N .b8 name[N]: all of a variable but its address; `open` if it is name[]. */
static bool read_variable(ptx_reader *r, char name[PTX_NAME], uint64_t *align, uint64_t *bytes, bool *open)
{
    unsigned bits;
    uint64_t count = 1;

    *align = 0;
    *open = false;
    for (;;) {
        if (ptx_take_name(r, ".align")) {
            if (!ptx_want_number(r, align))
                return false;
        } else if (!ptx_take_name(r, ".ptr") && !ptx_take_name(r, ".global")) {
            break;
        }
    }
    bits = want_type(r);
    while (ptx_take_name(r, ".ptr") || ptx_take_name(r, ".global") || ptx_take_name(r, ".align"))
        if (r->token.kind == PTX_TOKEN_NUMBER)
            ptx_read_next(r); /* what a pointer points to */
    if (bits == 0 || !ptx_want_name(r, name))
        return false;
    if (ptx_take_sign(r, '[')) {
        *open = ptx_take_sign(r, ']');
        if (!*open && (!ptx_want_number(r, &count) || !ptx_want_sign(r, ']')))
            return false;
    }
    *bytes = count * (bits / 8);
    *align = *align ? *align : bits / 8;
    return true;
}

static bool add_symbol(ptx_builder *b, const char name[PTX_NAME], ptx_space space, uint64_t offset, bool dynamic)
{
    ptx_symbol *s = ptx_list_add(&b->symbols, sizeof *s);

    memcpy(s->name, name, PTX_NAME);
    s->space = space;
    s->offset = offset;
    s->dynamic = dynamic;
    return true;
}

/* .shared and .local; the name of the space is passed. */
static bool read_space(ptx_builder *b, ptx_space space, size_t *used, size_t *most_align)
{
    char name[PTX_NAME];
    uint64_t align, bytes;
    bool open;

    if (!read_variable(&b->r, name, &align, &bytes, &open))
        return false;
    if (align > *most_align)
        *most_align = align;
    if (open)
        return add_symbol(b, name, space, 0, true) && ptx_want_sign(&b->r, ';');
    *used = aligned(*used, align);
    (void)add_symbol(b, name, space, *used, false);
    *used += bytes;
    return ptx_want_sign(&b->r, ';');
}

static bool read_parameters(ptx_builder *b)
{
    ptx_reader *r = &b->r;

    if (!ptx_take_sign(r, '(') || ptx_take_sign(r, ')'))
        return true;
    do {
        char name[PTX_NAME];
        uint64_t align, bytes;
        bool open;

        if (!ptx_take_name(r, ".param"))
            return ptx_fail(r, ".param is expected");
        if (!read_variable(r, name, &align, &bytes, &open))
            return false;
        b->entry->param_bytes = aligned(b->entry->param_bytes, align);
        (void)add_symbol(b, name, PTX_PARAM, b->entry->param_bytes, false);
        b->entry->param_bytes += bytes;
    } while (ptx_take_sign(r, ','));
    return ptx_want_sign(r, ')');
}

/* What says how an entry may be launched. */
static bool read_limits(ptx_builder *b)
{
    ptx_reader *r = &b->r;

    while (r->token.kind == PTX_TOKEN_NAME) {
        const bool threads = strcmp(r->token.name, ".maxntid") == 0 || strcmp(r->token.name, ".reqntid") == 0;
        uint64_t product = 1, number;

        if (!threads && strcmp(r->token.name, ".minnctapersm") != 0 && strcmp(r->token.name, ".maxnreg") != 0)
            return ptx_fail(r, "the directive %s is not known", r->token.name);
        ptx_read_next(r);
        do {
            if (!ptx_want_number(r, &number))
                return false;
            product *= number;
        } while (ptx_take_sign(r, ','));
        if (threads)
            b->entry->maxntid = (unsigned)product;
    }
    return true;
}

static bool read_registers(ptx_builder *b)
{
    const unsigned bits = want_type(&b->r), width = bits == 8 ? 16 : bits;

    if (width == 0)
        return false;
    do {
        ptx_registers *g = ptx_list_add(&b->registers, sizeof *g);
        char name[PTX_NAME];

        if (!ptx_want_name(&b->r, name))
            return false;
        if (strlen(name) >= sizeof g->prefix)
            return ptx_fail(&b->r, "the name of a register is too long");
        memcpy(g->prefix, name, sizeof g->prefix);
        g->width = width;
        g->depth = b->depth;
        if (ptx_take_sign(&b->r, '<') && (!ptx_want_number(&b->r, &g->count) || !ptx_want_sign(&b->r, '>')))
            return false;
        if (g->count > 1u << 20)
            return ptx_fail(&b->r, "too many registers");
        for (uint64_t i = 0; i < (g->count ? g->count : 1); i++) {
            const uint32_t row = ptx_new_row(b, width);

            g->first = i ? g->first : row;
        }
    } while (ptx_take_sign(&b->r, ','));
    return ptx_want_sign(&b->r, ';');
}

bool ptx_jump_to(ptx_builder *b, const ptx_value *label, uint32_t *target)
{
    ptx_jump *j = ptx_list_add(&b->jumps, sizeof *j);

    if (label->kind != PTX_LABEL_NAME)
        return ptx_fail(&b->r, "a branch needs a label");
    memcpy(j->name, label->name, PTX_NAME);
    j->op = b->ops.count;
    j->target = target;
    j->line = b->r.line;
    return true;
}

static bool read_targets(ptx_builder *b, const char label[PTX_NAME])
{
    enum { MOST = 1024 };
    ptx_targets *targets = ptx_keep(b, sizeof *targets + MOST * sizeof *targets->op);
    ptx_table *table = ptx_list_add(&b->tables, sizeof *table);

    memcpy(table->name, label, PTX_NAME);
    table->targets = targets;
    do {
        ptx_operand o;

        if (targets->count == MOST)
            return ptx_fail(&b->r, "a table of more than %d targets", MOST);
        if (!ptx_read_operand(b, &o) || !ptx_jump_to(b, &o.item[0], &targets->op[targets->count++]))
            return false;
    } while (ptx_take_sign(&b->r, ','));
    return ptx_want_sign(&b->r, ';');
}

/* name: */
static bool read_label(ptx_builder *b)
{
    char name[PTX_NAME];
    ptx_label *label = b->labels.items;

    if (!ptx_want_name(&b->r, name) || !ptx_want_sign(&b->r, ':'))
        return false;
    if (ptx_take_name(&b->r, ".branchtargets"))
        return read_targets(b, name);
    for (size_t i = 0; i < b->labels.count; i++)
        if (strcmp(label[i].name, name) == 0)
            return ptx_fail(&b->r, "the label %s stands twice", name);
    label = ptx_list_add(&b->labels, sizeof *label);
    memcpy(label->name, name, PTX_NAME);
    label->op = b->ops.count;
    return true;
}

static bool is_label(const ptx_reader *r)
{
    return r->token.kind == PTX_TOKEN_NAME && r->at[strspn(r->at, " \t")] == ':';
}

static void close_brace(ptx_builder *b)
{
    const ptx_registers *all = b->registers.items;

    while (b->registers.count && all[b->registers.count - 1].depth == b->depth)
        b->registers.count--;
    b->depth--;
}

static bool read_statement(ptx_builder *b)
{
    ptx_reader *r = &b->r;

    if (r->token.kind == PTX_TOKEN_END)
        return ptx_fail(r, "the text ends within an entry");
    if (ptx_take_sign(r, '{')) {
        b->depth++;
        return true;
    }
    if (r->token.sign == '}') {
        close_brace(b);
        ptx_read_next(r);
        return true;
    }
    if (ptx_take_sign(r, ';'))
        return true;
    if (is_label(r))
        return read_label(b);
    if (r->token.kind != PTX_TOKEN_NAME || r->token.name[0] != '.')
        return ptx_read_instruction(b);
    if (ptx_take_name(r, ".reg"))
        return read_registers(b);
    if (ptx_take_name(r, ".shared"))
        return read_space(b, PTX_SHARED, &b->entry->shared_bytes, &b->entry->shared_align);
    if (ptx_take_name(r, ".local")) {
        size_t align = 0;

        return read_space(b, PTX_LOCAL, &b->entry->local_bytes, &align);
    }
    if (strcmp(r->token.name, ".pragma") == 0 || strcmp(r->token.name, ".loc") == 0) {
        skip_line(r);
        return true;
    }
    return ptx_fail(r, "the directive %s is not known", r->token.name);
}

static bool resolve_jumps(ptx_builder *b)
{
    const ptx_jump *jumps = b->jumps.items;
    const ptx_label *labels = b->labels.items;
    ptx_op *ops = b->ops.items;

    for (size_t i = 0; i < b->jumps.count; i++) {
        size_t l = 0;

        while (l < b->labels.count && strcmp(labels[l].name, jumps[i].name) != 0)
            l++;
        b->r.line = jumps[i].line;
        if (l == b->labels.count)
            return ptx_fail(&b->r, "there is no label %s", jumps[i].name);
        if (jumps[i].target)
            *jumps[i].target = (uint32_t)labels[l].op;
        else
            ops[jumps[i].op].offset = (int64_t)labels[l].op;
    }
    return true;
}

static void end_entry(ptx_builder *b)
{
    ptx_entry_point *e = b->entry;
    ptx_op *last = ptx_list_add(&b->ops, sizeof *last);

    *last = (ptx_op){ .run = e->variant->operation[PTX_ret], .guard = PTX_TRUE, .code = PTX_ret, .line = b->r.line };
    e->ops = b->ops.items;
    e->op_count = b->ops.count;
    e->filled = b->filled.items;
    e->filled_count = b->filled.count;
    b->ops = b->filled = (ptx_list){ 0 };
}

static bool read_entry(ptx_builder *b)
{
    const size_t symbols = b->symbols.count;
    ptx_entry_point *e = b->entry = ptx_list_add(&b->entries, sizeof *e);
    char name[PTX_NAME];
    bool done;

    *e = (ptx_entry_point){ .variant = ptx_chosen(),
                            .pool = ptx_pool_open(),
                            .predicates = PTX_PREDICATES,
                            .shared_bytes = b->shared_bytes,
                            .shared_align = b->shared_align };
    if (!ptx_want_name(&b->r, name))
        return false;
    e->name = strdup(name);
    b->r.entry = e->name;
    done = read_parameters(b) && read_limits(b) && ptx_want_sign(&b->r, '{');
    for (b->depth = 1; done && b->depth > 0;)
        done = read_statement(b);
    end_entry(b);
    e = (ptx_entry_point *)b->entries.items + b->entries.count - 1;
    done = done && (b->ops.items = e->ops, resolve_jumps(b));
    b->ops.items = NULL;
    if (done)
        ptx_order(e, &b->tables);
    b->r.entry = NULL;
    b->symbols.count = symbols;
    b->registers.count = b->labels.count = b->jumps.count = b->tables.count = 0;
    return done;
}

static bool read_directive(ptx_builder *b)
{
    ptx_reader *r = &b->r;

    while (ptx_take_name(r, ".visible") || ptx_take_name(r, ".extern") || ptx_take_name(r, ".weak"))
        ;
    if (ptx_take_name(r, ".entry"))
        return read_entry(b);
    if (ptx_take_name(r, ".shared"))
        return read_space(b, PTX_SHARED, &b->shared_bytes, &b->shared_align);
    if (strcmp(r->token.name, ".version") == 0 || strcmp(r->token.name, ".target") == 0 ||
        strcmp(r->token.name, ".address_size") == 0 || strcmp(r->token.name, ".file") == 0) {
        skip_line(r);
        return true;
    }
    return ptx_fail(r, "the directive %s%.1s is not known", r->token.name, &r->token.sign);
}

static void free_builder(ptx_builder *b)
{
    free(b->registers.items);
    free(b->symbols.items);
    free(b->labels.items);
    free(b->jumps.items);
    free(b->tables.items);
}

bool ptx_load(ptx_module **out, const char *text, ptx_error *err)
{
    ptx_builder b = { 0 };
    ptx_module *m = calloc(1, sizeof *m);

    if (!m)
        abort();
    *out = NULL;
    ptx_read_begin(&b.r, text, err);
    while (!b.r.failed && b.r.token.kind != PTX_TOKEN_END)
        if (!read_directive(&b))
            break;
    free_builder(&b);
    m->entries = b.entries.items;
    m->entry_count = b.entries.count;
    if (b.r.failed) {
        ptx_free(m);
        return false;
    }
    *out = m;
    return true;
}

void ptx_free(ptx_module *m)
{
    for (size_t i = 0; m && i < m->entry_count; i++) {
        ptx_entry_point *e = &m->entries[i];

        for (ptx_allocation *a = e->allocations, *next; a; a = next) {
            next = a->next;
            free(a);
        }
        ptx_pool_close(e->pool);
        free(e->name);
        free(e->ops);
        free(e->filled);
    }
    if (m)
        free(m->entries);
    free(m);
}

const char *ptx_entry(const ptx_module *m, size_t index)
{
    return index < m->entry_count ? m->entries[index].name : NULL;
}
