/* tuning.c - the parameters that learn. */
#include "train/tuning.h"

#include "base/error.h"
#include "base/mem.h"
#include "quant-free/bf16.h"
#include "quant-free/convert.h"

#include <math.h>
#include <string.h>

/* Values, gradients and two moments. */
enum { ARRAYS = 4 };

/* ---- room ---- */

static void take(gd_parameter *p, float **at, size_t count)
{
    *p = (gd_parameter){ .value = *at,
                         .gradient = *at + count,
                         .m = *at + 2 * count,
                         .v = *at + 3 * count,
                         .count = count,
                         .decays = true };
    *at += ARRAYS * count;
}

static gd_view view_of(const gd_parameter *p, size_t rows, size_t cols, const char *name)
{
    return (gd_view){ .name = name,
                      .dtype = GD_F32,
                      .rank = 2,
                      .shape = { rows, cols },
                      .data = p->value,
                      .bytes = p->count * sizeof(float) };
}

/* The matrix of the head that learns: not of one that stays as it is. */
static const gd_plan_weight *head_of(const gd_tuning *tuning)
{
    const gd_plan *plan = tuning->plan;

    return tuning->full || gd_plan_head_alone(plan) ? &plan->steps[plan->step_count - 1].w[0] : NULL;
}

static size_t head_size(const gd_tuning *tuning)
{
    const gd_plan_weight *head = head_of(tuning);

    return head ? head->shape[0] * head->shape[1] : 0;
}

/* Room for the parameters that have been counted; the head has the last. */
static gd_status reserve(gd_tuning *tuning, float **at, gd_error *err)
{
    tuning->parameters += head_size(tuning);
    tuning->memory = *at = gd_alloc_zero(tuning->parameters, ARRAYS * sizeof **at);
    return *at ? GD_OK : gd_fail_memory(err, tuning->parameters * ARRAYS * sizeof **at);
}

/* Every parameter has its place in memory: the list of all. */
static gd_status list_all(gd_tuning *tuning, gd_error *err)
{
    const size_t most = 1 + 2 * tuning->count + tuning->weight_count;

    tuning->all = gd_alloc(most, sizeof *tuning->all);
    tuning->squares = gd_alloc(most, sizeof *tuning->squares);
    if (!tuning->all || !tuning->squares)
        return gd_fail_memory(err, most * sizeof *tuning->squares);
    tuning->all[tuning->all_count++] = &tuning->head;
    for (size_t i = 0; i < tuning->count; i++) {
        tuning->all[tuning->all_count++] = &tuning->modules[i].a;
        tuning->all[tuning->all_count++] = &tuning->modules[i].b;
    }
    for (size_t i = 0; i < tuning->weight_count; i++)
        tuning->all[tuning->all_count++] = &tuning->weights[i];
    return GD_OK;
}

static gd_status take_head(gd_tuning *tuning, float *at, gd_error *err)
{
    const gd_plan_weight *head = head_of(tuning);

    take(&tuning->head, &at, head_size(tuning));
    if (head)
        tuning->head_view = view_of(&tuning->head, head->shape[0], head->shape[1], head->name);
    tuning->learning = (gd_learning){ .lora = tuning->lora,
                                      .head = head != NULL,
                                      .weights = tuning->weight_views,
                                      .weight_count = tuning->weight_count };
    return list_all(tuning, err);
}

static size_t columns_of(const gd_plan_weight *w) { return w->rank == 2 ? w->shape[1] : 1; }

static void take_weight(gd_tuning *tuning, size_t index, const gd_plan_weight *w, float **at)
{
    gd_parameter *p = &tuning->weights[index];

    take(p, at, w->shape[0] * columns_of(w));
    p->decays = w->rank == 2;
    tuning->weight_views[index] = view_of(p, w->shape[0], columns_of(w), w->name);
    tuning->weight_views[index].rank = w->rank;
}

static gd_status open_weights(gd_tuning *tuning, size_t most, gd_error *err)
{
    tuning->weights = gd_alloc_zero(most, sizeof *tuning->weights);
    tuning->weight_views = gd_alloc_zero(most, sizeof *tuning->weight_views);
    return tuning->weights && tuning->weight_views ? GD_OK : gd_fail_memory(err, most * sizeof *tuning->weight_views);
}

/* A bias learns with its head. */
static const gd_plan_weight *bias_of(const gd_tuning *tuning)
{
    return head_of(tuning) ? gd_plan_head_bias(tuning->plan) : NULL;
}

/* Each step has the matrices of its module. */
static void give_adapters(gd_tuning *tuning)
{
    for (size_t s = 0; s < tuning->plan->step_count; s++) {
        const gd_tuned *m = tuning->module[s] < tuning->count ? &tuning->modules[tuning->module[s]] : NULL;

        if (m)
            tuning->lora[s] = (gd_lora){ &m->view_a, &m->view_b, tuning->lora[m->step].scale, m->rank };
    }
}

/* The modules are known with their ranks: makes room for their parameters. */
static gd_status reserve_modules(gd_tuning *tuning, gd_error *err)
{
    const gd_plan *plan = tuning->plan;
    const gd_plan_weight *bias = bias_of(tuning);
    float *at;
    gd_status rc = bias ? open_weights(tuning, 1, err) : GD_OK;

    for (size_t i = 0; i < tuning->count; i++)
        tuning->parameters += tuning->modules[i].rank * (tuning->modules[i].in + tuning->modules[i].out);
    tuning->weight_count = bias != NULL;
    tuning->parameters += bias ? bias->shape[0] : 0;
    if (!rc)
        rc = reserve(tuning, &at, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < tuning->count; i++) {
        gd_tuned *m = &tuning->modules[i];

        take(&m->a, &at, m->rank * m->in);
        take(&m->b, &at, m->out * m->rank);
        m->view_a = view_of(&m->a, m->rank, m->in, plan->steps[m->step].lora);
        m->view_b = view_of(&m->b, m->out, m->rank, plan->steps[m->step].lora);
    }
    give_adapters(tuning);
    if (bias)
        take_weight(tuning, 0, bias, &at);
    return take_head(tuning, at, err);
}

static gd_status open_lists(gd_tuning *tuning, const gd_plan *plan, gd_error *err)
{
    *tuning = (gd_tuning){ .plan = plan };
    tuning->modules = gd_alloc_zero(plan->step_count, sizeof *tuning->modules);
    tuning->lora = gd_alloc_zero(plan->step_count, sizeof *tuning->lora);
    tuning->module = gd_alloc(plan->step_count, sizeof *tuning->module);
    if (!tuning->modules || !tuning->lora || !tuning->module)
        return gd_fail_memory(err, plan->step_count * sizeof *tuning->modules);
    for (size_t s = 0; s < plan->step_count; s++)
        tuning->module[s] = SIZE_MAX;
    return GD_OK;
}

/* All of a linear's tensor: a fused one has more rows. */
static size_t rows_of(const gd_plan_weight *w) { return w->cut ? w->cut->rows : w->shape[0]; }

/* The module that the step's linear shares with an earlier one; tuning->count if there is none. */
static size_t find_module(const gd_tuning *tuning, size_t step)
{
    const gd_plan_step *steps = tuning->plan->steps;

    for (size_t i = tuning->count; steps[step].w[0].cut && i-- > 0;)
        if (!strcmp(steps[tuning->modules[i].step].lora, steps[step].lora))
            return i;
    return tuning->count;
}

static void add_module(gd_tuning *tuning, size_t step, size_t rank, float scale)
{
    const gd_plan_weight *w = &tuning->plan->steps[step].w[0];
    const size_t i = find_module(tuning, step);

    tuning->module[step] = i;
    if (i == tuning->count)
        tuning->modules[tuning->count++] = (gd_tuned){ .step = step,
                                                       .rank = rank,
                                                       .in = w->shape[1],
                                                       .out = rows_of(w) };
    tuning->lora[step].scale = scale;
}

gd_status gd_tuning_open(gd_tuning *tuning, const gd_plan *plan, const gd_targets *targets, size_t rank, float scale,
                         gd_error *err)
{
    gd_status rc = open_lists(tuning, plan, err);

    for (size_t s = 0; !rc && s < plan->step_count; s++) {
        bool wanted = false;

        if (plan->steps[s].lora)
            rc = gd_targets_match(targets, plan->steps[s].lora, &wanted, err);
        if (wanted)
            add_module(tuning, s, rank, scale);
    }
    return rc ? rc : reserve_modules(tuning, err);
}

/* The weights of the plan without the head. */
static gd_status list_weights(gd_tuning *tuning, const gd_plan_weight **list, gd_error *err)
{
    const gd_plan *plan = tuning->plan;
    const size_t all = gd_plan_weights(plan, list);

    for (size_t i = 0; i < all; i++)
        if (strcmp(list[i]->name, plan->head) != 0)
            list[tuning->weight_count++] = list[i];
    return open_weights(tuning, all, err);
}

static gd_status reserve_weights(gd_tuning *tuning, const gd_plan_weight *const *list, gd_error *err)
{
    float *at;
    gd_status rc;

    for (size_t i = 0; i < tuning->weight_count; i++)
        tuning->parameters += list[i]->shape[0] * columns_of(list[i]);
    rc = reserve(tuning, &at, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < tuning->weight_count; i++)
        take_weight(tuning, i, list[i], &at);
    return take_head(tuning, at, err);
}

gd_status gd_tuning_open_full(gd_tuning *tuning, const gd_plan *plan, gd_error *err)
{
    const size_t most = GD_OP_MAX_WEIGHTS * plan->step_count;
    const gd_plan_weight **list = gd_alloc(most, sizeof *list);
    gd_status rc = open_lists(tuning, plan, err);

    tuning->full = true;
    if (!rc && !list)
        rc = gd_fail_memory(err, most * sizeof *list);
    if (!rc)
        rc = list_weights(tuning, list, err);
    if (!rc)
        rc = reserve_weights(tuning, list, err);
    gd_free(list);
    return rc;
}

void gd_tuning_close(gd_tuning *tuning)
{
    gd_free(tuning->modules);
    gd_free(tuning->weights);
    gd_free(tuning->weight_views);
    gd_free(tuning->lora);
    gd_free(tuning->module);
    gd_free(tuning->memory);
    gd_free(tuning->all);
    gd_free(tuning->squares);
    *tuning = (gd_tuning){ 0 };
}

/* ---- values ---- */

/* Normal by the sum of twelve uniform numbers: no tails beyond 6 deviations, and no library's functions. */
static float normal(gd_random *random)
{
    float sum = -6;

    for (int i = 0; i < 12; i++)
        sum += gd_random_uniform(random, 0, 1);
    return sum;
}

void gd_tuning_begin(gd_tuning *tuning, gd_random *random, const gd_view *head, const gd_view *bias, double deviation)
{
    for (size_t i = 0; i < tuning->count; i++) {
        gd_tuned *m = &tuning->modules[i];
        const float bound = (float)(1 / sqrt((double)m->in));

        for (size_t j = 0; j < m->a.count; j++) {
            const float a = gd_random_uniform(random, -bound, bound);

            m->a.value[j] = tuning->plan->operand == GD_BF16 ? gd_bf16_to_f32(gd_bf16_from_f32(a)) : a;
        }
    }
    if (head && tuning->head.count)
        gd_view_to_f32(head, tuning->head.value);
    else
        for (size_t i = 0; i < tuning->head.count; i++)
            tuning->head.value[i] = (float)deviation * normal(random);
    if (bias && tuning->weight_count && !tuning->full)
        gd_view_to_f32(bias, tuning->weights[0].value);
}

static const gd_view *find(const char *name, const gd_weights *weights, const gd_view *made, size_t made_count)
{
    for (size_t i = 0; i < made_count; i++)
        if (!strcmp(made[i].name, name))
            return &made[i];
    return gd_weights_find(weights, name);
}

void gd_tuning_begin_full(gd_tuning *tuning, const gd_weights *weights, const gd_view *made, size_t made_count)
{
    for (size_t i = 0; i < tuning->weight_count; i++) {
        const gd_view *from = find(tuning->weight_views[i].name, weights, made, made_count);

        gd_view_to_f32(from, tuning->weights[i].value);
        gd_view_release(from, 0, from->bytes);
    }
}

gd_status gd_tuning_import(gd_tuning *tuning, const gd_plan *plan, const gd_adapter *adapter, gd_error *err)
{
    gd_status rc = open_lists(tuning, plan, err);
    gd_lora lora;

    for (size_t s = 0; !rc && s < plan->step_count; s++)
        if (plan->steps[s].lora && gd_adapter_find(adapter, plan->steps[s].lora, &lora)) {
            rc = gd_lora_check(&lora, rows_of(&plan->steps[s].w[0]), plan->steps[s].w[0].shape[1], plan->steps[s].lora,
                               gd_adapter_path(adapter), err);
            add_module(tuning, s, lora.rank, lora.scale);
        }
    if (!rc)
        rc = reserve_modules(tuning, err);
    for (size_t i = 0; !rc && i < tuning->count; i++) {
        (void)gd_adapter_find(adapter, plan->steps[tuning->modules[i].step].lora, &lora);
        gd_view_to_f32(lora.a, tuning->modules[i].a.value);
        gd_view_to_f32(lora.b, tuning->modules[i].b.value);
    }
    if (!rc && gd_adapter_head(adapter) && gd_view_elements(gd_adapter_head(adapter)) == tuning->head.count)
        gd_view_to_f32(gd_adapter_head(adapter), tuning->head.value);
    return rc;
}

/* ---- learning ---- */

/* Takes a linear's rows of B', and adds its A' to what the others have contributed. */
static void take_part(gd_tuned *m, const gd_plan_weight *w, const float *a, const float *b, bool first)
{
    for (size_t i = 0; i < m->a.count; i++)
        m->a.gradient[i] = first ? a[i] : m->a.gradient[i] + a[i];
    for (size_t row = 0; row < w->shape[0]; row++)
        memcpy(m->b.gradient + gd_plan_cut_row(w->cut, row) * m->rank, b + row * m->rank, m->rank * sizeof *b);
}

/* The last linear's first, as they come up on the way back. */
static gd_status fetch_parts(gd_tuning *tuning, size_t index, gd_learner *learner, gd_error *err)
{
    gd_tuned *m = &tuning->modules[index];
    const size_t count = m->a.count + m->b.count;
    float *a = gd_alloc(count, sizeof *a), *b = a + m->a.count;
    gd_status rc = a ? GD_OK : gd_fail_memory(err, count * sizeof *a);
    bool first = true;

    for (size_t s = tuning->plan->step_count; !rc && s-- > m->step;) {
        if (tuning->module[s] != index)
            continue;
        rc = gd_learner_lora(learner, s, a, b, err);
        if (!rc)
            take_part(m, &tuning->plan->steps[s].w[0], a, b, first);
        first = false;
    }
    gd_free(a);
    return rc;
}

static gd_status fetch_module(gd_tuning *tuning, size_t index, gd_learner *learner, gd_error *err)
{
    gd_tuned *m = &tuning->modules[index];

    return tuning->plan->steps[m->step].w[0].cut ? fetch_parts(tuning, index, learner, err)
                                                 : gd_learner_lora(learner, m->step, m->a.gradient, m->b.gradient, err);
}

gd_status gd_tuning_fetch(gd_tuning *tuning, gd_learner *learner, gd_error *err)
{
    gd_status rc = tuning->head.count ? gd_learner_head(learner, tuning->head.gradient, err) : GD_OK;

    for (size_t i = 0; !rc && i < tuning->count; i++)
        rc = fetch_module(tuning, i, learner, err);
    for (size_t i = 0; !rc && i < tuning->weight_count; i++)
        rc = gd_learner_weight(learner, i, tuning->weights[i].gradient, err);
    return rc;
}

void gd_tuning_still(gd_tuning *tuning, size_t token)
{
    const gd_plan *plan = tuning->plan;
    const char *embedding = NULL;

    for (size_t s = 0; s < plan->step_count && !embedding; s++)
        if (plan->steps[s].op == GD_OP_embedding)
            embedding = plan->steps[s].w[0].name;
    for (size_t i = 0; i < tuning->weight_count; i++) {
        const gd_view *view = &tuning->weight_views[i];

        if (embedding && !strcmp(view->name, embedding) && token < view->shape[0])
            memset(tuning->weights[i].gradient + token * view->shape[1], 0, view->shape[1] * sizeof(float));
    }
}

double gd_tuning_norm(const gd_tuning *tuning, gd_pool *pool)
{
    const double *squares = tuning->squares;
    double sum;

    gd_gradient_squares(tuning->all, tuning->all_count, tuning->squares, pool);
    sum = *squares++;
    for (size_t i = 0; i < tuning->count; i++, squares += 2)
        sum += squares[0] + squares[1];
    for (size_t i = 0; i < tuning->weight_count; i++)
        sum += *squares++;
    return sqrt(sum);
}

void gd_tuning_step(gd_tuning *tuning, const gd_adam *adam, const gd_adam_moment *at, gd_pool *pool)
{
    gd_adam_step(adam, at, tuning->all, tuning->all_count, pool);
}
