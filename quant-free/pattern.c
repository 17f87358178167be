/* pattern.c - the regular expressions of adapter_config.json. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "quant-free/pattern.h"

#include "base/error.h"
#include "base/mem.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 16384
#define MATCH_LIMIT 200000 /* steps: a sane pattern needs a few per character */
#define HEAP_LIMIT 8192    /* KiB */

struct gd_pattern {
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_code *code;
    pcre2_match_data *data;
    char *field, *path; /* for messages */
    gd_pattern_kind kind;
};

static void *allocate(size_t size, void *unused)
{
    (void)unused;
    return gd_alloc(size, 1);
}

static void release(void *p, void *unused)
{
    (void)unused;
    gd_free(p);
}

/* The groups that mean the same in both: (...), (?:...), (?=...), (?!...), (?<=...), (?<!...), (?P<name>...).
 */
static bool group_is_common(const char *p)
{
    static const char *const opens[] = { "?:", "?=", "?!", "?<=", "?<!", "?P<" };

    if (p[0] == '*')
        return false;
    if (p[0] != '?')
        return true;
    for (size_t i = 0; i < sizeof opens / sizeof opens[0]; i++) {
        if (strncmp(p, opens[i], strlen(opens[i])) == 0)
            return true;
    }
    return false;
}

/* The first place that the two might interpret differently, or NULL. */
static const char *find_uncommon(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\\') {
            if (!p[1] || (!ispunct((unsigned char)p[1]) && !strchr("dDwWsSbB", p[1])))
                return p;
            p++;
        } else if ((*p == '(' && !group_is_common(p + 1)) || (*p == '[' && p[1] == ':') || (*p == '{' && p[1] == ',')) {
            return p;
        }
    }
    return NULL;
}

static gd_status compile(gd_pattern *p, const char *text, gd_error *err)
{
    static const char *const before[] = { "", "(.*\\.)?(", "(?:^|.*?\\.)" };
    static const char *const after[] = { "", ")$", "\\.(?P<idx>\\d+)\\." };
    const uint32_t options = PCRE2_ANCHORED | PCRE2_DOLLAR_ENDONLY |
                             (p->kind == GD_PATTERN_FULL ? PCRE2_ENDANCHORED : 0u);
    const size_t room = strlen(text) + 64;
    pcre2_compile_context *context = pcre2_compile_context_create(p->memory);
    char *whole = gd_alloc(room, 1);
    int code = PCRE2_ERROR_HEAP_FAILED;
    size_t at = 0;

    if (whole && context) {
        (void)snprintf(whole, room, "%s%s%s", before[p->kind], text, after[p->kind]);
        p->code = pcre2_compile((PCRE2_SPTR)whole, PCRE2_ZERO_TERMINATED, options, &code, &at, context);
    }
    pcre2_compile_context_free(context);
    gd_free(whole);
    if (p->code) {
        p->data = pcre2_match_data_create_from_pattern(p->code, p->memory);
        p->limits = pcre2_match_context_create(p->memory);
        if (!p->data || !p->limits)
            return gd_fail_memory(err, room);
        (void)pcre2_set_match_limit(p->limits, MATCH_LIMIT);
        (void)pcre2_set_heap_limit(p->limits, HEAP_LIMIT);
        return GD_OK;
    }
    if (code == PCRE2_ERROR_HEAP_FAILED || code == PCRE2_ERROR_NOMEMORY)
        return gd_fail_memory(err, room);
    return gd_fail(err, GD_EFORMAT, "%s: the pattern \"%.80s\" in \"%s\" is not a regular expression", p->path, text,
                   p->field);
}

gd_status gd_pattern_open(gd_pattern **out, const char *text, gd_pattern_kind kind, const char *field, const char *path,
                          gd_error *err)
{
    const char *odd = find_uncommon(text);
    gd_pattern *p;
    gd_status rc;

    *out = NULL;
    if (strlen(text) > TEXT_MAX)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: a pattern in \"%s\" has %zu bytes, but at most %d are accepted", path,
                       field, strlen(text), TEXT_MAX);
    if (odd)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: the pattern \"%.80s\" in \"%s\" has \"%.3s\", which is not supported",
                       path, text, field, odd);
    p = gd_alloc_zero(1, sizeof *p);
    if (!p)
        return gd_fail_memory(err, sizeof *p);
    p->kind = kind;
    p->field = gd_strdup(field);
    p->path = gd_strdup(path);
    p->memory = pcre2_general_context_create(allocate, release, NULL);
    rc = p->field && p->path && p->memory ? compile(p, text, err) : gd_fail_memory(err, strlen(path));
    if (rc)
        gd_pattern_close(p);
    else
        *out = p;
    return rc;
}

void gd_pattern_close(gd_pattern *p)
{
    if (!p)
        return;
    pcre2_match_data_free(p->data);
    pcre2_match_context_free(p->limits);
    pcre2_code_free(p->code);
    pcre2_general_context_free(p->memory);
    gd_free(p->field);
    gd_free(p->path);
    gd_free(p);
}

gd_status gd_pattern_match(const gd_pattern *p, const char *name, bool *matches, size_t *layer, gd_error *err)
{
    const int rc = pcre2_match(p->code, (PCRE2_SPTR)name, strlen(name), 0, 0, p->data, p->limits);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(p->data);

    *matches = rc > 0;
    if (rc > 0 && p->kind == GD_PATTERN_LAYER) { /* the last group: the pattern's own groups come before it */
        const int group = pcre2_substring_number_from_name(p->code, (PCRE2_SPTR) "idx");

        /* With "layers|h" the first alternative ends before it: PEFT then has no number either. */
        *layer = group > 0 && at[2 * group] != PCRE2_UNSET ? at[2 * group] : strlen(name);
    }
    if (rc > 0 || rc == PCRE2_ERROR_NOMATCH)
        return GD_OK;
    if (rc == PCRE2_ERROR_NOMEMORY)
        return gd_fail_memory(err, (size_t)HEAP_LIMIT << 10);
    return gd_fail(err, GD_EUNSUPPORTED, "%s: a pattern in \"%s\" needs too many steps on \"%.80s\"", p->path, p->field,
                   name);
}
