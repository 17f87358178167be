/* adapters.h - --adapter [NAME=]DIR of serve. */
#ifndef GD_CLI_ADAPTERS_H
#define GD_CLI_ADAPTERS_H

#include "cli/options.h"

enum { CLI_NAME_MAX = 64 };

typedef struct cli_adapters {
    const char *dirs[CLI_LIST_MAX];  /* [count] */
    const char *names[CLI_LIST_MAX]; /* [count] NULL: the first, which has none */
    size_t count;
    char room[CLI_LIST_MAX][CLI_NAME_MAX];
} cli_adapters;

/* A further adapter without a NAME gets that of its folder.  Returns an exit status, after a sentence if it isn't
 * CLI_OK. */
int cli_adapters_read(cli_adapters *out, const cli_list *values);

#endif
