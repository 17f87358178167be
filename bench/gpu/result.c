/* result.c - one line to read and one line of JSON for each result. */
#include "bench/gpu/result.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { MOST_TEXT = 1024 };

static FILE *file;

bool result_open(const char *path)
{
    file = fopen(path, "a");
    return file != NULL;
}

static void put_string(const char *key, const char *text)
{
    fprintf(file, ",\"%s\":\"", key);
    for (const char *c = text; *c; c++)
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            fprintf(file, "\\u%04x", (unsigned)*c);
        else
            fputc(*c, file);
    fputc('"', file);
}

static void put_json(const char *part, const char *name, double figure, const char *unit, const char *text)
{
    if (isfinite(figure))
        fprintf(file, "{\"figure\":%.9g", figure);
    else
        fprintf(file, "{\"figure\":null");
    put_string("part", part);
    put_string("name", name);
    put_string("unit", unit);
    put_string("text", text);
    fputs("}\n", file);
    fflush(file); /* whoever ends this program early has what was found until then */
}

static void put(const char *part, const char *name, double figure, const char *unit, const char *text)
{
    if (isfinite(figure))
        printf("%s: %s: %.6g %s%s%s\n", part, name, figure, unit, *text ? "; " : "", text);
    else
        printf("%s: %s: %s\n", part, name, text);
    fflush(stdout);
    if (file)
        put_json(part, name, figure, unit, text);
}

void result_figure(const char *part, const char *name, double figure, const char *unit, const char *text, ...)
{
    char sentence[MOST_TEXT];
    va_list list;

    va_start(list, text);
    (void)vsnprintf(sentence, sizeof sentence, text, list);
    va_end(list);
    put(part, name, figure, unit, sentence);
}

void result_none(const char *part, const char *name, const char *why, ...)
{
    char sentence[MOST_TEXT];
    va_list list;

    va_start(list, why);
    (void)vsnprintf(sentence, sizeof sentence, why, list);
    va_end(list);
    put(part, name, NAN, "", sentence);
}
