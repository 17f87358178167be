/* names.h - what a directory contains, for tests. */
#ifndef GD_TESTS_NAMES_H
#define GD_TESTS_NAMES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The names in a directory but hidden ones, sorted and separated by commas, or `absent` if there is no such directory;
 * overwritten by the next call. */
static inline const char *test_names(const char *path, const char *absent)
{
    static char text[1024];
    struct dirent **list;
    const int n = scandir(path, &list, NULL, alphasort);

    (void)snprintf(text, sizeof text, "%s", n < 0 ? absent : "");
    for (int i = 0; i < n; i++) {
        const size_t len = strlen(text);

        if (list[i]->d_name[0] != '.')
            (void)snprintf(text + len, sizeof text - len, "%s%s", len ? "," : "", list[i]->d_name);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return text;
}

#endif
