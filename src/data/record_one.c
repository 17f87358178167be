/* record_one.c - a record of one JSON text that is in memory. */
#include "data/record.h"

#include "base/error.h"
#include "data/entries_source.h"
#include "data/record_read.h"

#include <string.h>

/* Who gives an item in memory has no flags, by which the fields of a file can be renamed or left out. */
static void drop_advice(gd_error *why)
{
    static const char *const begins[] = { "; --fields", "; use --fields", "; --turns" };

    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        char *at = strstr(why->text, begins[i]);

        if (at)
            *at = '\0';
    }
}

static gd_status parse(gd_record *record, gd_text json, bool frugal, gd_error *why, gd_error *err)
{
    const gd_fields fields = { .frugal = frugal };
    gd_entry entry = { .raw = json.data ? json.data : "", .raw_len = json.len };
    gd_status rc;

    if (json.len > GD_ITEM_MAX) {
        (void)gd_entry_too_long(&entry);
        return gd_fail(why, entry.fault.status, "%s", entry.fault.text);
    }
    rc = gd_entry_parse_json(&entry, &fields, NULL, err);
    record->object = entry.object;
    record->length = json.len;
    if (!rc && entry.fault.status)
        return gd_fail(why, entry.fault.status, "%s", entry.fault.text);
    return rc;
}

gd_status gd_record_parse(gd_record *record, gd_text json, bool frugal, bool turns, gd_error *why, gd_error *err)
{
    gd_status rc = parse(record, json, frugal, why, err);

    if (!rc)
        rc = gd_record_read(&(gd_reading){ record, NULL, turns, why, err });
    if (why->status)
        drop_advice(why);
    return rc;
}
