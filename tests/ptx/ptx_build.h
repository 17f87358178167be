/* ptx_build.h - an entry while it is read: its registers, symbols and operations. */
#ifndef GD_TESTS_PTX_BUILD_H
#define GD_TESTS_PTX_BUILD_H

#include "tests/ptx/ptx_ops.h"
#include "tests/ptx/ptx_text.h"

enum { PTX_MOST_ITEMS = 8, PTX_MOST_OPERANDS = 6, PTX_MOST_PARTS = 14 };

/* A register or a family of them, %r<12>. */
typedef struct ptx_registers {
    char prefix[32];
    unsigned width; /* in bits; 1: predicates */
    uint64_t count; /* 0: one register of that name */
    uint32_t first; /* row or predicate */
    unsigned depth; /* of the braces in which it is known */
} ptx_registers;

typedef struct ptx_symbol {
    char name[PTX_NAME];
    ptx_space space;
    uint64_t offset;
    bool dynamic; /* extern shared: behind everything else */
} ptx_symbol;

typedef struct ptx_label {
    char name[PTX_NAME];
    size_t op;
} ptx_label;

/* One value of an operand. */
typedef struct ptx_value {
    enum { PTX_REGISTER, PTX_NUMBER, PTX_SPECIAL_REGISTER, PTX_SYMBOL, PTX_LABEL_NAME, PTX_SINK } kind;
    unsigned width; /* of a register */
    uint32_t row;   /* or predicate */
    uint64_t number;
    ptx_source source;
    unsigned axis;
    const ptx_symbol *symbol;
    char name[PTX_NAME];
} ptx_value;

typedef struct ptx_operand {
    enum { PTX_PLAIN, PTX_LIST, PTX_ADDRESS } kind;
    ptx_value item[PTX_MOST_ITEMS];
    unsigned count;
    int64_t offset; /* of an address */
    bool negated;   /* !%p */
    bool paired;    /* a|b: two items */
} ptx_operand;

/* An instruction's mnemonic, cut at its dots, and its operands. */
typedef struct ptx_statement {
    char full[PTX_NAME], text[PTX_NAME];
    const char *part[PTX_MOST_PARTS];
    unsigned parts;
    ptx_operand operand[PTX_MOST_OPERANDS];
    unsigned operands;
} ptx_statement;

typedef struct ptx_list {
    void *items;
    size_t count, room;
} ptx_list;

/* The place for one more item of `size` bytes, zeroed. */
void *ptx_list_add(ptx_list *list, size_t size);

/* A table of branch targets. */
typedef struct ptx_table {
    char name[PTX_NAME];
    ptx_targets *targets;
} ptx_table;

typedef struct ptx_builder {
    ptx_reader r;
    ptx_entry_point *entry;
    ptx_list registers, symbols, labels, jumps, tables, ops, filled;
    unsigned depth;
    size_t shared_bytes, shared_align; /* of the module's variables */
    ptx_list entries;
    ptx_op op; /* the one being read */
} ptx_builder;

/* A branch whose target is to be found when all labels are known. */
typedef struct ptx_jump {
    char name[PTX_NAME];
    size_t op;
    uint32_t *target; /* NULL: the operation's offset */
    unsigned line;
} ptx_jump;

void *ptx_keep(ptx_builder *b, size_t bytes); /* zeroed; freed with the entry */

/* New registers. */
uint32_t ptx_new_row(ptx_builder *b, unsigned width);

/* The row of a value that is read as `width` bits; of a destination; the number of a predicate.  A wrong kind is an
 * error; then the result is 0. */
uint32_t ptx_row_read(ptx_builder *b, const ptx_value *v, unsigned width);
uint32_t ptx_row_written(ptx_builder *b, const ptx_value *v, unsigned width);
uint32_t ptx_predicate(ptx_builder *b, const ptx_value *v);
uint32_t ptx_constant(ptx_builder *b, uint64_t value, unsigned width);

/* The base of an address, and whether it has 64 bits. */
uint32_t ptx_base(ptx_builder *b, const ptx_operand *o, bool *wide);

/* Notes that an operation, or a table, leads to a label. */
bool ptx_jump_to(ptx_builder *b, const ptx_value *label, uint32_t *target);

/* Puts the operations into an order in which lanes that parted meet again. */
void ptx_order(ptx_entry_point *entry, const ptx_list *tables);

bool ptx_read_operand(ptx_builder *b, ptx_operand *o);

/* Reads an instruction up to its semicolon, and adds its operation. */
bool ptx_read_instruction(ptx_builder *b);

/* The operations that are not in the list of the simple ones; false with no error: it isn't one of these. */
bool ptx_decode_memory(ptx_builder *b, const ptx_statement *s);
bool ptx_decode_warp(ptx_builder *b, const ptx_statement *s);
bool ptx_decode_data(ptx_builder *b, const ptx_statement *s);

bool ptx_wants_operands(ptx_builder *b, const ptx_statement *s, unsigned least, unsigned most);

/* "u32" and so on: bits, and whether it is signed; 0 bits for what is no type. */
unsigned ptx_type_bits(const char *name, bool *is_signed);

#endif
