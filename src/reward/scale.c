/* scale.c - normalization and activation of scores. */
#include "reward/scale.h"

#include "base/error.h"
#include "base/json.h"
#include "base/realmath.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FORMAT "guerdon-calibration/1"

/* Reads "MEAN,STD"; false for anything else, which is then a path. */
static bool parse_numbers(gd_scale *scale, const char *text)
{
    char *end;

    scale->mean = strtod(text, &end);
    if (end == text || *end != ',')
        return false;
    text = end + 1;
    scale->std = strtod(text, &end);
    return end != text && !*end;
}

static bool is_sound(const gd_scale *scale) { return isfinite(scale->mean) && isfinite(scale->std) && scale->std > 0; }

bool gd_scale_parse(gd_scale *scale, const char *text)
{
    *scale = (gd_scale){ .normalize = true };
    return parse_numbers(scale, text) && is_sound(scale);
}

static gd_status read_file(gd_scale *scale, const char *path, gd_error *err)
{
    const char *format;
    json_t *root;
    struct stat sb;
    gd_status rc;

    if (stat(path, &sb) < 0 && errno == ENOENT)
        return gd_fail(
            err, GD_EIO,
            "normalize \"%.200s\": there is no such file; MEAN,STD, two numbers as in 0.5,2, or the file that "
            "eval --calibrate wrote is expected",
            path);
    rc = gd_json_load(&root, path, 1 << 20, err);
    if (rc)
        return rc;
    rc = gd_json_string(&format, root, "format", path, err);
    if (!rc && strcmp(format, FORMAT) != 0)
        rc = gd_fail(err, GD_EFORMAT, "%s: its format is \"%s\", but \"%s\" is expected", path, format, FORMAT);
    if (!rc)
        rc = gd_json_number(&scale->mean, root, "mean", path, err);
    if (!rc)
        rc = gd_json_number(&scale->std, root, "std", path, err);
    json_decref(root);
    return rc;
}

gd_status gd_scale_open(gd_scale *scale, const char *normalize, const char *activation, gd_error *err)
{
    gd_status rc = GD_OK;

    *scale = (gd_scale){ .sigmoid = activation && !strcmp(activation, "sigmoid"), .normalize = normalize != NULL };
    if (activation && !scale->sigmoid && strcmp(activation, "none") != 0)
        return gd_fail(err, GD_EUSAGE, "activation \"%s\": none or sigmoid is expected", activation);
    if (normalize && !parse_numbers(scale, normalize))
        rc = read_file(scale, normalize, err);
    if (!rc && normalize && !is_sound(scale))
        rc = gd_fail(err, GD_EUSAGE,
                     "normalize %s: mean %g and deviation %g, but finite numbers and a deviation above 0 "
                     "are expected",
                     normalize, scale->mean, scale->std);
    return rc;
}

float gd_scale_apply(const gd_scale *scale, float score)
{
    double x = (double)score;

    if (!isfinite(score)) /* the model is broken, and an activation must not hide it */
        return score;
    if (scale->normalize)
        x = (x - scale->mean) / scale->std;
    if (scale->sigmoid)
        x = 1 / (1 + gd_real_exp(-x));
    return (float)x;
}
