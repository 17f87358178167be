/* groups.c - names and numbers of groups. */
#include "judge/groups.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void add_text(gd_buf *b, const char *text, size_t len)
{
    for (const char *end = text + len; text < end;) {
        const size_t part = strnlen(text, (size_t)(end - text));

        gd_buf_bytes(b, text, part);
        text += part;
        if (text < end) {
            gd_buf_str(b, "\xef\xbf\xbd");
            text++;
        }
    }
}

/* Whole numbers without a fraction, as 3, though they were read as 3.0; others with all significant digits. */
static void add_number(gd_buf *b, double value)
{
    char digits[40];

    if (fabs(value) < 1e15 && value == floor(value)) {
        gd_buf_fixed(b, value, 0);
        return;
    }
    (void)snprintf(digits, sizeof digits, "%.17g", value);
    for (char *p = digits; *p; p++)
        if (*p == ',') /* the decimal comma of some locales */
            *p = '.';
    gd_buf_str(b, digits);
}

static void add_name(gd_buf *b, const json_t *value)
{
    if (json_is_string(value))
        add_text(b, json_string_value(value), json_string_length(value));
    else if (json_is_number(value))
        add_number(b, json_number_value(value));
    else if (json_is_boolean(value))
        gd_buf_str(b, json_is_true(value) ? "true" : "false");
    else
        gd_buf_str(b, GD_NO_GROUP);
}

/* Takes ownership of the name. */
static gd_status add_group(gd_groups *groups, char *name, gd_error *err)
{
    json_t *number = json_integer((json_int_t)groups->count);
    const bool room = gd_grow((void **)&groups->names, &groups->room, groups->count + 1, sizeof *groups->names);

    if (json_object_set_new(groups->numbers, name, number) || !room) {
        gd_free(name);
        return gd_fail_memory(err, (groups->count + 1) * sizeof *groups->names);
    }
    groups->names[groups->count++] = name;
    return GD_OK;
}

gd_status gd_groups_find(gd_groups *groups, const json_t *object, const char *by, uint32_t *number, gd_error *err)
{
    gd_buf name = { 0 };
    const json_t *known;
    gd_status rc = GD_OK;

    if (!groups->numbers)
        groups->numbers = json_object();
    add_name(&name, json_object_get(object, by));
    if (!groups->numbers || !gd_buf_cstr(&name)) {
        gd_buf_free(&name);
        return gd_fail_memory(err, name.len);
    }
    known = json_object_get(groups->numbers, name.data);
    if (known)
        gd_free(name.data);
    else
        rc = add_group(groups, name.data, err);
    *number = known ? (uint32_t)json_integer_value(known) : (uint32_t)groups->count - 1;
    return rc;
}

void gd_groups_free(gd_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        gd_free(groups->names[i]);
    gd_free(groups->names);
    json_decref(groups->numbers);
    *groups = (gd_groups){ 0 };
}
