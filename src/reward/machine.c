/* machine.c - describes in JSON what this machine and this build can run. */
#include "base/buf.h"
#include "base/error.h"
#include "base/pool.h"
#include "backends/backend.h"

#include <jansson.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#include <yaml.h>
#include <zlib.h>
#include <zstd.h>

static void string(gd_buf *b, const char *s) { gd_buf_json_string(b, s, strlen(s)); }

/* The best instruction set of this machine. */
static const char *best_isa(void)
{
    const gd_backend *cpu = gd_backends_all()[0];
    size_t count = 0;

    while (cpu->isa(count + 1))
        count++;
    return cpu->isa(count);
}

static void write_cpu(gd_buf *b)
{
    const gd_backend *cpu = gd_backends_all()[0];

    gd_buf_str(b, "\"cpu\":{\"isa\":[");
    for (size_t i = 0; cpu->isa(i); i++)
        gd_buf_printf(b, "%s\"%s\"", i ? "," : "", cpu->isa(i));
    gd_buf_printf(b, "],\"best\":\"%s\",\"cores\":%u},", best_isa(), gd_cpu_count());
}

static void write_available(gd_buf *b, const gd_backend *backend, gd_dtype operand, const char *key)
{
    gd_error why = { 0 };

    gd_buf_printf(b, "\"%s\":", key);
    if (backend->available(operand, &why))
        string(b, why.text);
    else
        gd_buf_str(b, "true");
}

static void write_backends(gd_buf *b)
{
    gd_buf_str(b, "\"backends\":[");
    for (const gd_backend *const *one = gd_backends_all(); *one; one++) {
        gd_buf_str(b, one == gd_backends_all() ? "{\"name\":" : ",{\"name\":");
        string(b, (*one)->name);
        gd_buf_str(b, ",\"about\":");
        string(b, (*one)->about);
        gd_buf_str(b, ",\"available\":{");
        write_available(b, *one, GD_BF16, "bf16");
        gd_buf_str(b, ",");
        write_available(b, *one, GD_F32, "fp32");
        gd_buf_str(b, "}}");
    }
    gd_buf_str(b, "],");
}

static void write_card(gd_buf *b, const gd_card *card)
{
    gd_buf_str(b, "{\"name\":");
    string(b, card->name);
    gd_buf_printf(b, ",\"isa\":\"%s\",\"memory_bytes\":%zu,\"driver\":\"CUDA %u.%u\",\"numerics\":\"%s\"}", card->isa,
                  card->memory, card->driver / 1000, card->driver % 1000 / 10, gd_arithmetic_name(card->arithmetic));
}

static void write_cards(gd_buf *b)
{
    bool first = true;
    gd_card card;

    gd_buf_str(b, "\"gpus\":[");
    for (const gd_backend *const *one = gd_backends_all(); *one; one++) {
        if (!(*one)->card || (*one)->card(&card, NULL))
            continue;
        gd_buf_str(b, first ? "" : ",");
        write_card(b, &card);
        first = false;
    }
    gd_buf_str(b, "],");
}

/* What `auto` takes. */
static void write_default(gd_buf *b)
{
    const gd_backend *gpu = gd_backend_named("cuda");
    const bool takes_gpu = !gpu->available(GD_BF16, NULL);

    gd_buf_printf(b, "\"default\":{\"backend\":\"%s\",\"isa\":\"%s\",\"precision\":\"bf16\"},",
                  takes_gpu ? gpu->name : "cpu", takes_gpu ? gpu->isa(0) : best_isa());
}

static void write_libraries(gd_buf *b)
{
    char pcre2[64] = "";
    int major, minor, patch;

    (void)pcre2_config_8(PCRE2_CONFIG_VERSION, pcre2);
    yaml_get_version(&major, &minor, &patch);
    gd_buf_printf(b, "\"libraries\":{\"jansson\":\"%s\",\"libyaml\":\"%d.%d.%d\",\"pcre2\":", jansson_version_str(),
                  major, minor, patch);
    string(b, pcre2);
    gd_buf_str(b, ",\"zlib\":");
    string(b, zlibVersion());
    gd_buf_str(b, ",\"zstd\":");
    string(b, ZSTD_versionString());
    gd_buf_str(b, "}");
}

gd_status gd_backends(char **json, gd_error *err)
{
    gd_buf b = { 0 };

    gd_buf_str(&b, "{\"version\":\"" GD_VERSION "\",");
    write_cpu(&b);
    write_backends(&b);
    write_cards(&b);
    write_default(&b);
    write_libraries(&b);
    gd_buf_str(&b, "}");
    return gd_buf_take(&b, json, err);
}
