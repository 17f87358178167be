/* standin_kernel.c - the pretended card's kernels: PTX from a folder, run by the interpreter. */
#include "tests/cuda/standin.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_MODULES = 16 };

static ptx_module *modules[MOST_MODULES];
static size_t module_count, users;
static ptx_error fault;

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t room = 1 << 20, size = 0, got;
    char *text = f ? malloc(room) : NULL;

    while (text && (got = fread(text + size, 1, room - size - 1, f)) > 0) {
        size += got;
        if (room - size == 1) {
            char *more = realloc(text, room *= 2);

            if (!more)
                abort();
            text = more;
        }
    }
    if (text)
        text[size] = '\0';
    if (f)
        (void)fclose(f);
    return text;
}

static bool load_file(const char *folder, const char *name)
{
    char path[4096];
    char *text;
    bool loaded;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    text = module_count < MOST_MODULES ? read_file(path) : NULL;
    loaded = text && ptx_load(&modules[module_count], text, &fault);
    module_count += loaded;
    free(text);
    return loaded;
}

static bool load_folder(const char *folder)
{
    DIR *list = opendir(folder);
    bool loaded = list != NULL;

    for (const struct dirent *entry; loaded && (entry = readdir(list)) != NULL;) {
        const size_t length = strlen(entry->d_name);

        if (length > 4 && !strcmp(entry->d_name + length - 4, ".ptx"))
            loaded = load_file(folder, entry->d_name);
    }
    if (list)
        (void)closedir(list);
    return loaded && module_count > 0;
}

gd_cu_result standin_load(void)
{
    const char *folder = standin_setting("GD_STANDIN_PTX", "");

    if (users++ || load_folder(folder))
        return 0;
    if (!fault.text[0])
        (void)snprintf(fault.text, sizeof fault.text, "%s: GD_STANDIN_PTX names no folder with PTX", folder);
    return 200; /* an invalid image */
}

void standin_unload(void)
{
    if (--users)
        return;
    while (module_count)
        ptx_free(modules[--module_count]);
}

static const ptx_module *find(const char *kernel)
{
    const char *name;

    for (size_t m = 0; m < module_count; m++)
        for (size_t i = 0; (name = ptx_entry(modules[m], i)) != NULL; i++)
            if (!strcmp(name, kernel))
                return modules[m];
    return NULL;
}

bool standin_has(const char *kernel) { return find(kernel) != NULL; }

const char *standin_fault(void) { return fault.text[0] ? fault.text : NULL; }

static bool is_tensor8(void)
{
    const int card = atoi(standin_setting("GD_STANDIN_CARD", "90"));

    return !strcmp(standin_setting("GD_STANDIN_RULE", card >= 90 ? "tensor" : "tensor8"), "tensor8");
}

gd_cu_result standin_run(const standin_launch *launch)
{
    const bool tensor8 = is_tensor8();
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const ptx_launch run = { .entry = launch->kernel,
                             .grid = { launch->grid[0], launch->grid[1], launch->grid[2] },
                             .block = { launch->block[0], launch->block[1], launch->block[2] },
                             .shared_bytes = launch->shared,
                             .params = launch->params,
                             .param_bytes = launch->param_bytes,
                             .mma_products = tensor8 ? 8 : 16,
                             .mma_bits = tensor8 ? 24 : 25,
                             .mma_floor = tensor8 ? -132 : -133,
                             .threads = cores > 1 ? (unsigned)cores : 1,
                             .order = (unsigned)atoi(standin_setting("GD_STANDIN_ORDER", "0")) };

    return ptx_run(find(launch->kernel), standin_card_memory(), &run, &fault) ? 0 : 719; /* a launch failed */
}
