/* metrics.c - what the server counts. */
#include "serve/metrics.h"

#include <string.h>

bool sv_metrics_init(sv_counts *m)
{
    memset(m, 0, sizeof *m);
    return pthread_mutex_init(&m->lock, NULL) == 0;
}

void sv_metrics_free(sv_counts *m) { (void)pthread_mutex_destroy(&m->lock); }

static double bound(size_t i) { return 0.001 * (double)(1u << i); }

static void observe(sv_histogram *h, double seconds)
{
    size_t i = 0;

    while (i < SV_BOUNDS && seconds > bound(i))
        i++;
    h->bucket[i]++;
    h->count++;
    h->sum += seconds;
}

/* Dialects and statuses are few: those beyond the table's room are not told apart. */
static sv_counted *find(sv_counts *m, const char *dialect, int status)
{
    for (size_t i = 0; i < m->kinds; i++)
        if (m->counted[i].dialect == dialect && m->counted[i].status == status)
            return &m->counted[i];
    if (m->kinds == SV_COUNTED)
        return &m->counted[SV_COUNTED - 1];
    m->counted[m->kinds] = (sv_counted){ dialect, status, 0 };
    return &m->counted[m->kinds++];
}

void sv_metrics_count(sv_counts *m, const char *dialect, int status, double computing, double whole)
{
    (void)pthread_mutex_lock(&m->lock);
    find(m, dialect, status)->count++;
    if (computing >= 0)
        observe(&m->computing, computing);
    observe(&m->whole, whole);
    (void)pthread_mutex_unlock(&m->lock);
}

void sv_metrics_connection(sv_counts *m, int more)
{
    (void)pthread_mutex_lock(&m->lock);
    m->connections += (uint64_t)more;
    (void)pthread_mutex_unlock(&m->lock);
}

void sv_metrics_gone(sv_counts *m)
{
    (void)pthread_mutex_lock(&m->lock);
    m->gone++;
    (void)pthread_mutex_unlock(&m->lock);
}

static void write_one(gd_buf *out, const char *name, const char *kind, const char *help, uint64_t value)
{
    gd_buf_printf(out, "# HELP guerdon_%s %s\n# TYPE guerdon_%s %s\nguerdon_%s %llu\n", name, help, name, kind, name,
                  (unsigned long long)value);
}

static void write_histogram(gd_buf *out, const char *name, const char *help, const sv_histogram *h)
{
    uint64_t below = 0;

    gd_buf_printf(out, "# HELP guerdon_%s %s\n# TYPE guerdon_%s histogram\n", name, help, name);
    for (size_t i = 0; i < SV_BOUNDS; i++) {
        below += h->bucket[i];
        gd_buf_printf(out, "guerdon_%s_bucket{le=\"", name);
        gd_buf_json_double(out, bound(i));
        gd_buf_printf(out, "\"} %llu\n", (unsigned long long)below);
    }
    gd_buf_printf(out, "guerdon_%s_bucket{le=\"+Inf\"} %llu\nguerdon_%s_sum ", name, (unsigned long long)h->count,
                  name);
    gd_buf_json_double(out, h->sum);
    gd_buf_printf(out, "\nguerdon_%s_count %llu\n", name, (unsigned long long)h->count);
}

static void write_requests(gd_buf *out, const sv_counts *m)
{
    gd_buf_str(out,
               "# HELP guerdon_requests_total Requests that were answered.\n# TYPE guerdon_requests_total counter\n");
    for (size_t i = 0; i < m->kinds; i++)
        gd_buf_printf(out, "guerdon_requests_total{dialect=\"%s\",status=\"%d\"} %llu\n", m->counted[i].dialect,
                      m->counted[i].status, (unsigned long long)m->counted[i].count);
}

void sv_metrics_write(sv_counts *m, const gd_service_stats *stats, gd_buf *out)
{
    const struct {
        const char *name, *kind, *help;
        uint64_t value;
    } of_service[] = {
        { "queue_requests", "gauge", "Requests that wait for their scores.", stats->waiting_requests },
        { "queue_items", "gauge", "Items that wait for their scores.", stats->waiting_items },
        { "refused_total", "counter", "Requests refused because too much waited.", stats->refused },
        { "cancelled_total", "counter", "Requests cancelled before they were answered.", stats->cancelled },
        { "items_total", "counter", "Items finished.", stats->items },
        { "items_failed_total", "counter", "Items that got an error.", stats->failed },
        { "texts_total", "counter", "Texts scored.", stats->texts },
        { "tokens_total", "counter", "Tokens of these texts.", stats->tokens },
        { "rows_total", "counter", "Rows computed: tokens less what texts shared.", stats->rows },
        { "rows_saved_total", "counter", "Rows that were shared, and so not computed again.",
          stats->tokens > stats->rows ? stats->tokens - stats->rows : 0 },
        { "batches_total", "counter", "Batches computed.", stats->batches },
    };

    (void)pthread_mutex_lock(&m->lock);
    write_requests(out, m);
    for (size_t i = 0; i < sizeof of_service / sizeof of_service[0]; i++)
        write_one(out, of_service[i].name, of_service[i].kind, of_service[i].help, of_service[i].value);
    write_one(out, "connections", "gauge", "Open connections.", m->connections);
    write_one(out, "clients_gone_total", "counter", "Clients that went away before their answer.", m->gone);
    write_histogram(out, "scoring_seconds", "From a request's arrival to its scores.", &m->computing);
    write_histogram(out, "request_seconds", "From a request's first line to its answer.", &m->whole);
    (void)pthread_mutex_unlock(&m->lock);
}
