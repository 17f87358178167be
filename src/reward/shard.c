/* shard.c - one of N parts of an input. */
#include "reward/shard.h"

#include "base/error.h"

#include <string.h>
#include <sys/stat.h>

gd_status gd_shard_check(size_t which, size_t of, gd_error *err)
{
    if (of > GD_SHARDS_MAX)
        return gd_fail(err, GD_EUSAGE, "the number of shards is %zu; expected at most %d", of, (int)GD_SHARDS_MAX);
    if (!which && of)
        return gd_fail(err, GD_EUSAGE,
                       "shard 0 of %zu: shards are counted from 1, so the first is 1/%zu, and the last %zu/%zu", of, of,
                       of, of);
    if (which > of)
        return gd_fail(err, GD_EUSAGE, "shard %zu of %zu: expected one from 1 to %zu", which, of, of);
    return GD_OK;
}

gd_status gd_shard_check_inputs(const char *const *inputs, size_t count, gd_error *err)
{
    struct stat sb;

    for (size_t i = 0; i < count; i++) {
        const bool standard = !strcmp(inputs[i], "-");

        if (standard || (stat(inputs[i], &sb) == 0 && !S_ISREG(sb.st_mode)))
            return gd_fail(err, GD_EUSAGE,
                           "%.300s: a shard's input is read twice, first to count its items, so it must be a file",
                           standard ? "standard input" : inputs[i]);
    }
    return GD_OK;
}

/* floor(which * items / of), without a product that may be too large. */
static uint64_t cut_at(uint64_t items, size_t which, size_t of) { return items / of * which + items % of * which / of; }

void gd_shard_cut(gd_shard *shard, uint64_t items, uint64_t digest)
{
    shard->items = items;
    shard->digest = digest;
    shard->first = cut_at(items, shard->which - 1, shard->of);
    shard->end = cut_at(items, shard->which, shard->of);
}

bool gd_shard_skips(const gd_shard *shard, uint64_t index) { return index < shard->first; }

bool gd_shard_ends(const gd_shard *shard, uint64_t seen) { return shard->of && seen >= shard->end; }

uint64_t gd_shard_part(const gd_shard *shard, uint64_t items, uint64_t whole)
{
    const uint64_t all = shard->end - shard->first;

    return all ? (uint64_t)((double)whole * (double)items / (double)all) : 0;
}

gd_status gd_shard_same_input(const gd_shard *shard, uint64_t seen, uint64_t digest, bool more, gd_error *err)
{
    const bool early = !more && seen < shard->end;
    const bool other = more && seen == shard->items && digest != shard->digest;

    if (!shard->of || (!early && !other))
        return GD_OK;
    return gd_fail(err, GD_EIO, "the input was changed after its %llu items were counted; start the shards afresh",
                   (unsigned long long)shard->items);
}
