/* machine.c - reads /proc and /sys.  They come from the system, not from strangers, but are still read only as numbers
 * and lines of text. */
#include "bench/machine.h"

#include "base/pool.h"
#include "base/sysmem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { MOST = 65536, MOST_CACHES = 8 };

/* The file's text, truncated to `room`; "" if there is none. */
static const char *read_text(const char *path, char *text, size_t room)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;

    while (fd >= 0 && len + 1 < room) {
        const ssize_t got = read(fd, text + len, room - 1 - len);

        if (got <= 0)
            break;
        len += (size_t)got;
    }
    if (fd >= 0)
        (void)close(fd);
    text[len] = '\0';
    return text;
}

/* The value of a line "name : value"; NULL if the line has another name. */
static const char *field_value(const char *line, const char *name)
{
    const size_t len = strlen(name);
    const char *p = line + len;

    if (strncmp(line, name, len) != 0)
        return NULL;
    p += strspn(p, " \t");
    return *p == ':' ? p + 1 + strspn(p + 1, " \t") : NULL;
}

/* The value of the first line with that name, truncated to `room`; false if there is none. */
static bool find_field(const char *text, const char *name, char *value, size_t room)
{
    const char *found = NULL;
    size_t len;

    for (const char *line = text; line && *line && !found;) {
        found = field_value(line, name);
        line = strchr(line, '\n');
        line += line != NULL;
    }
    if (!found)
        return false;
    len = strcspn(found, "\n");
    len = len < room ? len : room - 1;
    memcpy(value, found, len);
    value[len] = '\0';
    return true;
}

/* A number, times 1024 if followed by K or "kB", and so on. */
static size_t read_size(const char *text)
{
    size_t value = 0;

    for (; *text >= '0' && *text <= '9' && value < SIZE_MAX / 16; text++)
        value = value * 10 + (size_t)(*text - '0');
    text += strspn(text, " ");
    switch (*text) {
    case 'k':
    case 'K': return value << 10;
    case 'M': return value << 20;
    case 'G': return value << 30;
    default: return value;
    }
}

static size_t memory_field(const char *file, const char *name)
{
    char text[8192], value[64];

    return find_field(read_text(file, text, sizeof text), name, value, sizeof value) ? read_size(value) : 0;
}

size_t gd_machine_peak(void) { return memory_field("/proc/self/status", "VmHWM"); }

bool gd_machine_peak_reset(void)
{
    const int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    const bool done = fd >= 0 && write(fd, "5", 1) == 1;

    if (fd >= 0)
        (void)close(fd);
    return done;
}

/* ---- caches ---- */

static const char *cache_text(unsigned index, const char *name, char *text, size_t room)
{
    char path[96] = "/sys/devices/system/cpu/cpu0/cache/index0/";
    const size_t len = strlen(path);

    path[len - 2] = (char)('0' + index);
    memcpy(path + len, name, strlen(name) + 1);
    (void)read_text(path, text, room);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

size_t gd_machine_cache(void)
{
    size_t largest = 0;
    char text[64];

    for (unsigned i = 0; i < MOST_CACHES; i++) {
        const size_t size = read_size(cache_text(i, "size", text, sizeof text));

        largest = size > largest ? size : largest;
    }
    return largest ? largest : (size_t)32 << 20;
}

static void put_caches(gd_result *out, json_t *into)
{
    json_t *list = gd_put_list(out, into, "caches");
    char level[64], type[64], size[64], shared[64];

    for (unsigned i = 0; i < MOST_CACHES && *cache_text(i, "level", level, sizeof level); i++) {
        json_t *one = gd_put_object(out, list, NULL);

        gd_put_size(out, one, "level", read_size(level));
        gd_put_text(out, one, "type", cache_text(i, "type", type, sizeof type));
        gd_put_size(out, one, "bytes", read_size(cache_text(i, "size", size, sizeof size)));
        gd_put_text(out, one, "cpus", cache_text(i, "shared_cpu_list", shared, sizeof shared));
    }
}

/* ---- the processor ---- */

/* The flags that matter for arithmetic. */
static bool wanted_flag(const char *flag)
{
    static const char *const begin[] = { "avx", "fma", "f16c", "amx", "sse4", "asimd", "bf16", "sve", "i8mm" };

    for (size_t i = 0; i < sizeof begin / sizeof begin[0]; i++)
        if (!strncmp(flag, begin[i], strlen(begin[i])))
            return true;
    return false;
}

static void put_flags(gd_result *out, json_t *into, char *flags)
{
    json_t *list = gd_put_list(out, into, "flags");
    bool virtual = false;

    for (char *p = flags; *p;) {
        const size_t len = strcspn(p, " ");
        char *next = p + len + strspn(p + len, " ");

        p[len] = '\0';
        if (wanted_flag(p))
            gd_put_text(out, list, NULL, p);
        virtual |= !strcmp(p, "hypervisor");
        p = next;
    }
    gd_put(out, into, "virtual_machine", json_boolean(virtual));
}

static void put_threads_per_core(gd_result *out, json_t *into, const char *cpuinfo)
{
    char siblings[32] = "", cores[32] = "";
    size_t n = 0;

    if (find_field(cpuinfo, "siblings", siblings, sizeof siblings) &&
        find_field(cpuinfo, "cpu cores", cores, sizeof cores) && read_size(cores))
        n = read_size(siblings) / read_size(cores);
    gd_put(out, into, "threads_per_core", n ? json_integer((json_int_t)n) : json_null());
}

static void put_cpu(gd_result *out, json_t *into)
{
    char text[MOST], value[8192];
    struct utsname system;
    const char *arch = uname(&system) ? "unknown" : system.machine;

    (void)read_text("/proc/cpuinfo", text, sizeof text);
    gd_put_text(out, into, "cpu", find_field(text, "model name", value, sizeof value) ? value : arch);
    gd_put_text(out, into, "architecture", arch);
    gd_put_size(out, into, "cores", gd_cpu_count());
    gd_put_size(out, into, "cores_online", (size_t)sysconf(_SC_NPROCESSORS_ONLN));
    put_threads_per_core(out, into, text);
    if (!find_field(text, "flags", value, sizeof value) && !find_field(text, "Features", value, sizeof value))
        value[0] = '\0';
    put_flags(out, into, value);
}

void gd_machine_put(gd_result *out, json_t *into)
{
    struct utsname system;
    char load[64], release[160] = "unknown";

    put_cpu(out, into);
    put_caches(out, into);
    gd_put_size(out, into, "memory_bytes", memory_field("/proc/meminfo", "MemTotal"));
    gd_put_size(out, into, "available_bytes", gd_memory_available());
    if (!uname(&system)) {
        const size_t name = strlen(system.sysname), len = strlen(system.release);

        if (name + 1 + len < sizeof release) {
            memcpy(release, system.sysname, name);
            release[name] = ' ';
            memcpy(release + name + 1, system.release, len + 1);
        }
    }
    gd_put_text(out, into, "kernel", release);
    (void)read_text("/proc/loadavg", load, sizeof load);
    load[strcspn(load, " \n")] = '\0';
    gd_put_text(out, into, "load", load);
}
