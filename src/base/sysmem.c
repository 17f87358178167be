/* sysmem.c - how much memory this process uses and may use, from /proc and the control groups. */
#include "base/sysmem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The number after `key` in a small file of lines, times `unit`; SIZE_MAX if there is none (but "max", say). */
static size_t read_number(const char *path, const char *key, size_t unit)
{
    char line[512];
    size_t number = SIZE_MAX;
    FILE *file = fopen(path, "re");

    if (!file)
        return SIZE_MAX;
    while (number == SIZE_MAX && fgets(line, sizeof line, file)) {
        unsigned long long value;

        if (!strncmp(line, key, strlen(key)) && sscanf(line + strlen(key), "%llu", &value) == 1 &&
            value < SIZE_MAX / unit)
            number = (size_t)value * unit;
    }
    (void)fclose(file);
    return number;
}

size_t gd_memory_resident(void)
{
    const size_t kb = read_number("/proc/self/status", "VmRSS:", 1024);

    return kb == SIZE_MAX ? 0 : kb;
}

/* The files of a version of the cgroup interface. */
struct interface {
    const char *root, *limit, *used, *droppable;
};

static const struct interface version_1 = { "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                            "total_inactive_file" };
static const struct interface version_2 = { "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file" };

/* What a group may still use: its limit minus what it uses that cannot be dropped. */
static size_t group_room(const struct interface *v, const char *dir)
{
    char path[4300];
    size_t limit, used, droppable;

    (void)snprintf(path, sizeof path, "%s/%s", dir, v->limit);
    limit = read_number(path, "", 1);
    (void)snprintf(path, sizeof path, "%s/%s", dir, v->used);
    used = read_number(path, "", 1);
    (void)snprintf(path, sizeof path, "%s/memory.stat", dir);
    droppable = read_number(path, v->droppable, 1);
    if (limit == SIZE_MAX || used == SIZE_MAX)
        return SIZE_MAX;
    if (droppable != SIZE_MAX)
        used = used > droppable ? used - droppable : 0;
    return limit > used ? limit - used : 0;
}

/* The group at `path` and every one above it. */
static size_t tree_room(const struct interface *v, const char *path)
{
    char dir[4100];
    size_t least = SIZE_MAX;

    (void)snprintf(dir, sizeof dir, "%s%s", v->root, path);
    for (char *slash = dir + strlen(dir); slash && slash >= dir + strlen(v->root); slash = strrchr(dir, '/')) {
        size_t room;

        *slash = '\0';
        room = group_room(v, dir);
        least = room < least ? room : least;
    }
    return least;
}

/* Lines are "0::/path" in version 2, "4:memory:/path" or "4:cpu,memory:/path" in version 1; both may be present. */
static size_t groups_room(void)
{
    char line[2048];
    size_t least = SIZE_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");

    if (!file)
        return SIZE_MAX;
    while (fgets(line, sizeof line, file)) {
        const char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        size_t room;

        if (!path)
            continue;
        line[strcspn(line, "\n")] = '\0';
        if (names + 1 == path)
            room = tree_room(&version_2, path + 1);
        else if (strstr(names, "memory") && strstr(names, "memory") < path)
            room = tree_room(&version_1, path + 1);
        else
            continue;
        least = room < least ? room : least;
    }
    (void)fclose(file);
    return least;
}

size_t gd_memory_available(void)
{
    const size_t machine = read_number("/proc/meminfo", "MemAvailable:", 1024), groups = groups_room();

    return machine < groups ? machine : groups;
}
