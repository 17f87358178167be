/* machine.c - what this machine and this build can run, in JSON. */
#include "base/buf.h"
#include "base/error.h"
#include "base/pool.h"
#include "backends/backend.h"
#include "backends/cpu/isa.h"

#include <jansson.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>
#include <yaml.h>
#include <zlib.h>
#include <zstd.h>

static void string(gd_buf *b, const char *s) { gd_buf_json_string(b, s, strlen(s)); }

static void write_cpu(gd_buf *b)
{
    static const struct {
        gd_isa bit;
        const char *name;
    } isas[] = { { GD_ISA_AVX2, "avx2" },
                 { GD_ISA_AVX512, "avx512" },
                 { GD_ISA_AVX512BF16, "avx512bf16" },
                 { GD_ISA_NEON, "neon" } };
    const gd_isa have = gd_isa_detect();

    gd_buf_str(b, "\"cpu\":{\"isa\":[\"generic\"");
    for (size_t i = 0; i < sizeof isas / sizeof isas[0]; i++)
        if (have & isas[i].bit)
            gd_buf_printf(b, ",\"%s\"", isas[i].name);
    gd_buf_printf(b, "],\"best\":\"%s\",\"cores\":%u},", gd_isa_name(have), gd_cpu_count());
}

static void write_available(gd_buf *b, const gd_backend *backend, gd_dtype operand, const char *key)
{
    const char *why_not = backend->unavailable(operand);

    gd_buf_printf(b, "\"%s\":", key);
    if (why_not)
        string(b, why_not);
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
    gd_buf_str(b, "],\"gpus\":[],");
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

    *json = NULL;
    gd_buf_str(&b, "{\"version\":\"" GD_VERSION "\",");
    write_cpu(&b);
    write_backends(&b);
    gd_buf_printf(&b, "\"default\":{\"backend\":\"cpu\",\"isa\":\"%s\",\"precision\":\"bf16\"},",
                  gd_isa_name(gd_isa_detect()));
    write_libraries(&b);
    gd_buf_str(&b, "}");
    if (!gd_buf_cstr(&b)) {
        gd_buf_free(&b);
        return gd_fail_memory(err, b.len);
    }
    *json = b.data;
    return GD_OK;
}
