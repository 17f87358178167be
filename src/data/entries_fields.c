/* entries_fields.c - the names of fields: ours and the input's. */
#include "data/entries_fields.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

const char *const gd_field_names[GD_FIELD_COUNT] = {
    "text",   "prompt", "response",  "responses",           "chosen", "rejected", "messages",
    "system", "tools",  "documents", "chat_template_kwargs"
};

const gd_field_alias gd_field_aliases[GD_FIELD_ALIASES] = {
    { "instruction", "prompt" },
    { "question", "prompt" },
    { "query", "prompt" },
    { "input", "prompt" },
    { "completion", "response" },
    { "output", "response" },
    { "answer", "response" },
    { "reply", "response" },
    { "completions", "responses" },
    { "answers", "responses" },
    { "candidates", "responses" },
    { "outputs", "responses" },
    { "generations", "responses" },
    { "conversations", "messages" },
    { "conversation", "messages" },
    { "dialogue", "messages" },
    { "response_j", "chosen" },
    { "response_k", "rejected" },
    { "preferred", "chosen" },
    { "dispreferred", "rejected" },
    { "chosen_response", "chosen" },
    { "rejected_response", "rejected" },
    { "rejected_message", "rejected" },
    { "rejected_messages", "rejected" },
    { "better", "chosen" },
    { "worse", "rejected" },
    { "win", "chosen" },
    { "lose", "rejected" },
    { "reject", "rejected" },
    { "system_prompt", "system" },
    { "system_message", "system" },
};

static bool is_name(const char *a, const char *name, size_t len) { return strlen(a) == len && !memcmp(a, name, len); }

static const char *find_ours(const char *name, size_t len)
{
    for (size_t i = 0; i < GD_FIELD_COUNT; i++)
        if (is_name(gd_field_names[i], name, len))
            return gd_field_names[i];
    return NULL;
}

char *gd_fields_unescaped(const char **spec)
{
    char *name = gd_strdup(*spec), *to = name;

    if (!name)
        return NULL;
    for (; **spec && **spec != ','; ++*spec) {
        if (**spec == '\\' && (*spec)[1])
            ++*spec;
        *to++ = **spec;
    }
    *to = '\0';
    return name;
}

/* Reads "ours=theirs"; *spec moves past it. */
static gd_status parse_one(gd_fields *fields, const char **spec, gd_error *err)
{
    const char *equals = *spec + strcspn(*spec, "=,");
    struct gd_field *field = &fields->map[fields->count];
    const int len = (int)(equals - *spec);

    if (*equals != '=')
        return gd_fail(err, GD_EUSAGE, "fields: \"%.*s\" is not of the form name=column, as in text=instruction", len,
                       *spec);
    field->ours = find_ours(*spec, (size_t)len);
    if (!field->ours)
        return gd_fail(err, GD_EUSAGE,
                       "fields: \"%.*s\" is none of text, prompt, response, responses, chosen, rejected, messages, "
                       "system, tools, documents and chat_template_kwargs",
                       len, *spec);
    for (size_t i = 0; i < fields->count; i++)
        if (fields->map[i].ours == field->ours)
            return gd_fail(err, GD_EUSAGE, "fields: \"%s\" is given twice", field->ours);
    *spec = equals + 1;
    field->theirs = gd_fields_unescaped(spec);
    if (!field->theirs)
        return gd_fail_memory(err, strlen(*spec));
    fields->count++; /* at most one per name of ours */
    if (!*field->theirs)
        return gd_fail(err, GD_EUSAGE, "fields: \"%s=\" names no column", field->ours);
    return GD_OK;
}

gd_status gd_fields_parse(gd_fields *fields, const char *spec, gd_error *err)
{
    gd_status rc = GD_OK;

    *fields = (gd_fields){ 0 };
    while (!rc && spec && *spec) {
        rc = parse_one(fields, &spec, err);
        if (!rc && *spec == ',')
            spec++;
    }
    if (rc)
        gd_fields_free(fields);
    return rc;
}

void gd_fields_free(gd_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        gd_free(fields->map[i].theirs);
    *fields = (gd_fields){ 0 };
}

static bool is_none(const struct gd_field *field) { return !strcmp(field->theirs, GD_FIELD_NONE); }

gd_field_use gd_fields_use(const gd_fields *fields, const char *name, size_t len)
{
    const char *ours = find_ours(name, len);

    for (size_t i = 0; i < fields->count; i++)
        if (!is_none(&fields->map[i]) && is_name(fields->map[i].theirs, name, len))
            return GD_FIELD_READ;
    for (size_t i = 0; i < fields->also_count; i++)
        if (is_name(fields->also[i], name, len))
            return GD_FIELD_READ;
    for (size_t i = 0; i < GD_FIELD_ALIASES; i++)
        if (is_name(gd_field_aliases[i].theirs, name, len))
            return GD_FIELD_HINT;
    return ours && gd_fields_theirs(fields, ours) == ours ? GD_FIELD_READ : GD_FIELD_SKIPPED;
}

const char *gd_fields_theirs(const gd_fields *fields, const char *ours)
{
    for (size_t i = 0; i < fields->count; i++)
        if (strcmp(fields->map[i].ours, ours) == 0)
            return fields->map[i].theirs;
    return ours;
}

bool gd_fields_rename(const gd_fields *fields, json_t *object)
{
    json_t *values[GD_FIELD_COUNT];
    bool good = true;

    /* all are taken out before any is put back: chosen=rejected,rejected=chosen swaps them */
    for (size_t i = 0; i < fields->count; i++)
        values[i] = is_none(&fields->map[i]) ? NULL : json_incref(json_object_get(object, fields->map[i].theirs));
    for (size_t i = 0; i < fields->count; i++) {
        if (!is_none(&fields->map[i]))
            (void)json_object_del(object, fields->map[i].theirs);
        (void)json_object_del(object, fields->map[i].ours);
    }
    for (size_t i = 0; i < fields->count; i++)
        if (values[i] && json_object_set_new_nocheck(object, fields->map[i].ours, values[i]) < 0)
            good = false; /* values[i] was consumed all the same */
    return good;
}
