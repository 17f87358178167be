/* sysmem.c - how much memory this process has and may have, from /proc and the control groups. */
#include "base/sysmem.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The number behind `key` in a small file of lines, times `unit`; SIZE_MAX when it isn't there ("max", say). */
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

/* What a group may still take: its limit, less what it has that cannot be dropped. */
static size_t group_room(const char *dir)
{
    char path[4200];
    size_t limit, used, droppable;

    (void)snprintf(path, sizeof path, "%s/memory.max", dir);
    limit = read_number(path, "", 1);
    (void)snprintf(path, sizeof path, "%s/memory.current", dir);
    used = read_number(path, "", 1);
    (void)snprintf(path, sizeof path, "%s/memory.stat", dir);
    droppable = read_number(path, "inactive_file", 1);
    if (limit == SIZE_MAX || used == SIZE_MAX)
        return SIZE_MAX;
    if (droppable != SIZE_MAX)
        used = used > droppable ? used - droppable : 0;
    return limit > used ? limit - used : 0;
}

/* The process's group and every one above it (version 2 of the interface: one tree). */
static size_t groups_room(void)
{
    static const char root[] = "/sys/fs/cgroup";
    char line[2048], dir[4100];
    size_t least = SIZE_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");

    if (!file)
        return SIZE_MAX;
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "0::/", 4))
            continue;
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(dir, sizeof dir, "%s%s", root, line + 3);
        for (char *slash = dir + strlen(dir); slash >= dir + sizeof root - 1; slash = strrchr(dir, '/')) {
            size_t room;

            *slash = '\0';
            room = group_room(dir);
            least = room < least ? room : least;
        }
    }
    (void)fclose(file);
    return least;
}

size_t gd_memory_available(void)
{
    const size_t machine = read_number("/proc/meminfo", "MemAvailable:", 1024), groups = groups_room();

    return machine < groups ? machine : groups;
}
