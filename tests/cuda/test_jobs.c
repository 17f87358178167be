/* test_jobs.c - which jobs of attention have lines of a tile: all those that overlap it, and no others. */
#include "tests/check.h"

#include "backends/cuda/batch.h"

/* Of some rows of a batch, and of its pooled ones. */
static const gd_cuda_job jobs[] = { { 0, 5, 0, 0 }, { 5, 1, 5, 0 }, { 6, 1, 0, 1 }, { 7, 9, 1, 1 }, { 16, 4, 10, 1 } };
static const gd_cuda_job pooled_jobs[] = { { 0, 1, 4, 0 }, { 1, 2, 9, 1 } };

static void check_tile(const gd_tile *tile, const gd_cuda_job *from, size_t count)
{
    size_t first = SIZE_MAX, expected = 0, expected_first = SIZE_MAX;
    const size_t found = gd_cuda_jobs_of(tile, &first);

    for (size_t i = 0; i < count; i++)
        if (from[i].first < tile->first + tile->count && from[i].first + from[i].count > tile->first) {
            expected_first = expected ? expected_first : i;
            expected++;
        }
    if (found != expected || first != expected_first)
        fail_msg("lines %zu to %zu: %zu jobs from number %zu, but %zu from %zu are expected", tile->first,
                 tile->first + tile->count, found, first, expected, expected_first);
}

static void check_tiles(bool pooled, size_t lines, const gd_cuda_job *from, size_t count)
{
    gd_device_rows batch = { .rows = { .known = jobs, .job_count = sizeof jobs / sizeof jobs[0] },
                             .pooled = { .known = pooled_jobs,
                                         .job_count = sizeof pooled_jobs / sizeof pooled_jobs[0] } };

    for (size_t first = 0; first < lines; first++)
        for (size_t some = 1; first + some <= lines; some++)
            check_tile(&(gd_tile){ &batch, pooled, first, some }, from, count);
}

static void a_tile_has_the_jobs_that_overlap_it(void **state)
{
    (void)state;
    check_tiles(false, 20, jobs, sizeof jobs / sizeof jobs[0]);
    check_tiles(true, 3, pooled_jobs, sizeof pooled_jobs / sizeof pooled_jobs[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tile_has_the_jobs_that_overlap_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
