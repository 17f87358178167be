/* loss.c - the loss of preferences and its gradients. */
#include "train/loss.h"

#include "base/realmath.h"

#include <math.h>

/* -log sigmoid(d), without overflow. */
static double log_loss(double d) { return d >= 0 ? gd_real_log1p(gd_real_exp(-d)) : gd_real_log1p(gd_real_exp(d)) - d; }

/* The sums of a micro-batch. */
struct sums {
    double loss, accuracy, margin, scores;
    size_t preferences, texts;
};

/* The loss of an item, and the gradients of its texts. */
static double item_loss(const gd_train_item *item, const float *scores, double center, double *gradients,
                        struct sums *sums)
{
    double sum = 0;

    for (size_t t = 0; t < item->text_count; t++)
        gradients[t] = 0;
    for (size_t i = 0; i < item->preference_count; i++) {
        const gd_preference *p = &item->preferences[i];
        const double better = scores[p->better], worse = scores[p->worse], d = better - worse - (double)p->margin;
        const double w = 1 / (1 + gd_real_exp(d)), both = 2 * center * (better + worse);

        gradients[p->better] += both - w;
        gradients[p->worse] += both + w;
        sum += log_loss(d) + center * (better + worse) * (better + worse);
        sums->accuracy += better > worse;
        sums->margin += better - worse;
        sums->preferences++;
    }
    return sum / (double)item->preference_count;
}

static void add_scores(const float *scores, size_t count, struct sums *sums, gd_loss_metrics *metrics)
{
    for (size_t i = 0; i < count; i++) {
        const double score = scores[i];

        metrics->least = sums->texts == 0 || score < metrics->least ? score : metrics->least;
        metrics->most = sums->texts == 0 || score > metrics->most ? score : metrics->most;
        sums->scores += score;
        sums->texts++;
    }
}

void gd_loss(const gd_train_item *items, size_t count, const float *scores, double center, double share,
             float *gradients, double *each, gd_loss_metrics *metrics)
{
    struct sums sums = { 0 };

    for (size_t i = 0; i < count; i++) {
        sums.loss += item_loss(&items[i], scores, center, each, &sums);
        add_scores(scores, items[i].text_count, &sums, metrics);
        for (size_t t = 0; t < items[i].text_count; t++)
            gradients[t] = (float)(each[t] / (double)items[i].preference_count * share / (double)count);
        scores += items[i].text_count;
        gradients += items[i].text_count;
    }
    metrics->loss = sums.loss / (double)count;
    metrics->accuracy = sums.accuracy / (double)sums.preferences;
    metrics->margin = sums.margin / (double)sums.preferences;
    metrics->mean = sums.scores / (double)sums.texts;
}

void gd_loss_add(gd_loss_metrics *mean, const gd_loss_metrics *one, double share)
{
    mean->loss += one->loss * share;
    mean->accuracy += one->accuracy * share;
    mean->margin += one->margin * share;
    mean->least += one->least * share;
    mean->mean += one->mean * share;
    mean->most += one->most * share;
}
