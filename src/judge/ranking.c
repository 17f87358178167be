/* ranking.c - ranks the answers to one prompt by score. */
#include "judge/ranking.h"

#include "base/error.h"
#include "base/mem.h"

/* Whether answer a ranks after b; of equal scores, the one earlier in the input ranks first. */
static bool ranks_after(const float *scores, size_t a, size_t b)
{
    return scores[a] < scores[b] || (scores[a] == scores[b] && a > b);
}

/* Restores the heap at order[root ..], with the answer that ranks last on top. */
static void sift(size_t *order, const float *scores, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        const size_t moved = order[root];

        if (child + 1 < count && ranks_after(scores, order[child + 1], order[child]))
            child++;
        if (!ranks_after(scores, order[child], moved))
            return;
        order[root] = order[child];
        order[child] = moved;
    }
}

/* Heapsort: it needs no memory and has no bad inputs; qsort() has no context argument. */
static void sort(size_t *order, const float *scores, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = count / 2; i-- > 0;)
        sift(order, scores, i, count);
    for (size_t left = count; left > 1; left--) {
        const size_t last = order[0];

        order[0] = order[left - 1];
        order[left - 1] = last;
        sift(order, scores, 0, left - 1);
    }
}

gd_status gd_ranking_make(gd_ranking *ranking, const float *scores, size_t count, gd_error *err)
{
    size_t *order;

    if (!gd_grow((void **)&ranking->order, &ranking->order_room, count, sizeof *ranking->order) ||
        !gd_grow((void **)&ranking->ranks, &ranking->rank_room, count, sizeof *ranking->ranks))
        return gd_fail_memory(err, count * sizeof *ranking->order);
    order = ranking->order;
    ranking->count = count;
    ranking->ties = 0;
    sort(order, scores, count);
    for (size_t i = 0; i < count; i++) {
        const bool same = i > 0 && scores[order[i]] == scores[order[i - 1]];

        ranking->ranks[order[i]] = same ? ranking->ranks[order[i - 1]] : i + 1;
        ranking->ties += ranking->ranks[order[i]] == 1;
    }
    ranking->ties = ranking->ties > 1 ? ranking->ties : 0;
    ranking->margin = count > 1 ? scores[order[0]] - scores[order[1]] : 0.0f;
    return GD_OK;
}

void gd_ranking_free(gd_ranking *ranking)
{
    gd_free(ranking->order);
    gd_free(ranking->ranks);
    *ranking = (gd_ranking){ 0 };
}
