/* trie.c - in sorted order, each text adds the rows after its longest common prefix with the previous one. */
#include "data/trie.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

size_t gd_span_common(gd_span a, gd_span b)
{
    const size_t limit = a.group != b.group ? 0 : a.len < b.len ? a.len : b.len;
    size_t i = 0;

    while (i < limit && a.ids[i] == b.ids[i])
        i++;
    return i;
}

/* Whether a comes after b; a prefix comes first. */
static bool is_after(gd_span a, gd_span b)
{
    const size_t i = gd_span_common(a, b);

    if (a.group != b.group)
        return a.group > b.group;
    if (i == a.len || i == b.len)
        return a.len > b.len;
    return a.ids[i] > b.ids[i];
}

static void merge(size_t *out, const size_t *left, size_t lefts, const size_t *right, size_t rights,
                  const gd_span *texts)
{
    size_t l = 0, r = 0;

    while (l < lefts && r < rights)
        *out++ = is_after(texts[left[l]], texts[right[r]]) ? right[r++] : left[l++];
    while (l < lefts)
        *out++ = left[l++];
    while (r < rights)
        *out++ = right[r++];
}

/* Merge sort, bottom up: stable, and qsort has no place for `texts`. Returns the array that holds the result. */
static size_t *sort(size_t *order, size_t *spare, const gd_span *texts, size_t n)
{
    for (size_t width = 1; width < n; width *= 2) {
        size_t *done = order;

        for (size_t at = 0; at < n; at += 2 * width) {
            const size_t lefts = n - at < width ? n - at : width;
            const size_t rights = n - at - lefts < width ? n - at - lefts : width;

            merge(spare + at, order + at, lefts, order + at + lefts, rights, texts);
        }
        order = spare;
        spare = done;
    }
    return order;
}

gd_status gd_span_sort(size_t **order, const gd_span *texts, size_t n, gd_error *err)
{
    size_t *one = gd_alloc(n, sizeof *one), *two = gd_alloc(n, sizeof *two), *sorted;

    *order = NULL;
    if (!one || !two) {
        gd_free(one);
        gd_free(two);
        return gd_fail_memory(err, 2 * n * sizeof *one);
    }
    for (size_t i = 0; i < n; i++)
        one[i] = i;
    sorted = sort(one, two, texts, n);
    gd_free(sorted == one ? two : one);
    *order = sorted;
    return GD_OK;
}

size_t gd_span_rows(const gd_span *texts, const size_t *order, size_t n)
{
    size_t rows = 0;

    for (size_t i = 0; i < n; i++)
        rows += texts[order[i]].len - (i ? gd_span_common(texts[order[i - 1]], texts[order[i]]) : 0);
    return rows;
}

#define NO_ROW UINT32_MAX

/* What building needs besides the trie. */
struct builder {
    gd_trie *trie;
    const gd_span *texts;
    const gd_pooled *pooled;
    const size_t *order;  /* [N] the texts in row order; NULL: as they come, and nothing is shared */
    size_t *shared;       /* [N] by place in `order`: tokens shared with the previous text */
    uint32_t *parent_row; /* [R] NO_ROW at a root */
    bool *begins;         /* [R] the row begins a segment */
    uint32_t *path;       /* [longest text] rows of the last text */
    size_t longest;
};

/* The text that comes at this place. */
static size_t text_at(const struct builder *b, size_t place) { return b->order ? b->order[place] : place; }

static gd_status find_shared(struct builder *b, gd_error *err)
{
    const size_t n = b->trie->texts;
    size_t rows = 0;

    b->shared = gd_alloc(n, sizeof *b->shared);
    if (!b->shared)
        return gd_fail_memory(err, n * sizeof *b->shared);
    for (size_t i = 0; i < n; i++) {
        const gd_span text = b->texts[text_at(b, i)];

        b->shared[i] = b->order && i ? gd_span_common(b->texts[b->order[i - 1]], text) : 0;
        rows += text.len - b->shared[i];
        if (text.len > INT32_MAX || rows > INT32_MAX)
            return gd_fail(err, GD_ENOMEM, "a batch of 2^31 tokens or more is too large");
        if (text.len > b->longest)
            b->longest = text.len;
    }
    b->trie->rows = rows;
    return GD_OK;
}

/* Each text's pooled rows begin where those of the text with the previous number end. */
static gd_status count_pooled(gd_trie *t, const gd_span *texts, const gd_pooled *pooled, gd_error *err)
{
    t->text_pooled = gd_alloc(t->texts + 1, sizeof *t->text_pooled);
    if (!t->text_pooled)
        return gd_fail_memory(err, (t->texts + 1) * sizeof *t->text_pooled);
    for (size_t i = 0; i < t->texts; i++) {
        t->text_pooled[i] = t->pooled_count;
        t->pooled_count += pooled ? pooled->first[i + 1] - pooled->first[i] : texts[i].len > 0;
    }
    t->text_pooled[t->texts] = t->pooled_count;
    return GD_OK;
}

static gd_status allocate(struct builder *b, gd_error *err)
{
    gd_trie *t = b->trie;

    t->token = gd_alloc(t->rows, sizeof *t->token);
    t->position = gd_alloc(t->rows, sizeof *t->position);
    t->row_segment = gd_alloc(t->rows, sizeof *t->row_segment);
    t->pooled = gd_alloc(t->pooled_count, sizeof *t->pooled);
    b->parent_row = gd_alloc(t->rows, sizeof *b->parent_row);
    b->begins = gd_alloc_zero(t->rows, sizeof *b->begins);
    b->path = gd_alloc(b->longest, sizeof *b->path);
    if (!t->token || !t->position || !t->row_segment || !t->pooled || !b->parent_row || !b->begins || !b->path)
        return gd_fail_memory(err, t->rows * 16);
    return GD_OK;
}

/* Adds the pooled rows of the text that was added last. */
static void add_pooled(struct builder *b, size_t text)
{
    const size_t first = b->trie->text_pooled[text], count = b->trie->text_pooled[text + 1] - first;

    for (size_t i = 0; i < count; i++)
        b->trie->pooled[first + i] = b->path[b->pooled ? b->pooled->position[first + i] : b->texts[text].len - 1];
}

static void add_rows(struct builder *b)
{
    gd_trie *t = b->trie;
    size_t row = 0, before = 0; /* before: length of the previous text */

    for (size_t i = 0; i < t->texts; i++) {
        const gd_span text = b->texts[text_at(b, i)];
        const size_t shared = b->shared[i];

        if (shared < text.len)
            b->begins[row] = true;
        if (shared > 0 && shared < before) /* the previous text branches off here, so its run ends too */
            b->begins[b->path[shared]] = true;
        for (size_t p = shared; p < text.len; p++, row++) {
            t->token[row] = text.ids[p];
            t->position[row] = (uint32_t)p;
            b->parent_row[row] = p ? b->path[p - 1] : NO_ROW;
            b->path[p] = (uint32_t)row;
        }
        add_pooled(b, text_at(b, i));
        before = text.len;
    }
}

static gd_status add_segments(struct builder *b, gd_error *err)
{
    gd_trie *t = b->trie;
    gd_segment *s;

    for (size_t row = 0; row < t->rows; row++)
        t->segments += b->begins[row];
    s = t->segment = gd_alloc(t->segments, sizeof *t->segment);
    if (!s)
        return gd_fail_memory(err, t->segments * sizeof *s);
    for (size_t row = 0; row < t->rows; row++) {
        const uint32_t up = b->parent_row[row];

        if (b->begins[row])
            *s++ = (gd_segment){ .first_row = (uint32_t)row,
                                 .first_position = t->position[row],
                                 .parent = up == NO_ROW ? -1 : (int32_t)t->row_segment[up] };
        s[-1].length++; /* row 0 begins a segment */
        t->row_segment[row] = (uint32_t)(s - 1 - t->segment);
    }
    return GD_OK;
}

/* Runs of one group. */
static gd_status add_runs(struct builder *b, gd_error *err)
{
    gd_trie *t = b->trie;
    size_t room = 0, row = 0;

    for (size_t i = 0; i < t->texts; i++) {
        const gd_span text = b->texts[text_at(b, i)];

        row += text.len - b->shared[i];
        if (!row || (t->run_count && t->runs[t->run_count - 1].end == row))
            continue;
        if (!t->run_count || t->runs[t->run_count - 1].group != text.group) {
            if (!gd_grow((void **)&t->runs, &room, t->run_count + 1, sizeof *t->runs))
                return gd_fail_memory(err, (t->run_count + 1) * sizeof *t->runs);
            t->runs[t->run_count++].group = text.group;
        }
        t->runs[t->run_count - 1].end = row;
    }
    return GD_OK;
}

gd_status gd_trie_build(gd_trie *trie, const gd_span *texts, size_t n, const gd_pooled *pooled, const size_t *order,
                        gd_error *err)
{
    struct builder b = { .trie = trie, .texts = texts, .pooled = pooled, .order = order };
    gd_status rc;

    *trie = (gd_trie){ .texts = n };
    rc = find_shared(&b, err);
    if (!rc)
        rc = count_pooled(trie, texts, pooled, err);
    if (!rc)
        rc = allocate(&b, err);
    if (!rc) {
        add_rows(&b);
        rc = add_segments(&b, err);
    }
    if (!rc)
        rc = add_runs(&b, err);
    gd_free(b.shared);
    gd_free(b.parent_row);
    gd_free(b.begins);
    gd_free(b.path);
    if (rc)
        gd_trie_free(trie);
    return rc;
}

gd_status gd_trie_share(gd_trie *trie, const gd_span *texts, size_t n, const uint32_t *position, gd_error *err)
{
    size_t *first = gd_alloc(n + 1, sizeof *first), *order = NULL;
    gd_status rc = first ? GD_OK : gd_fail_memory(err, (n + 1) * sizeof *first);

    *trie = (gd_trie){ 0 };
    for (size_t i = 0; !rc && i <= n; i++)
        first[i] = i;
    if (!rc)
        rc = gd_span_sort(&order, texts, n, err);
    if (!rc)
        rc = gd_trie_build(trie, texts, n, &(gd_pooled){ first, position }, order, err);
    gd_free(order);
    gd_free(first);
    return rc;
}

uint32_t gd_trie_parent(const gd_trie *trie, uint32_t row)
{
    const gd_segment *segment = &trie->segment[trie->row_segment[row]];
    const gd_segment *up;

    if (row > segment->first_row)
        return row - 1;
    if (segment->parent < 0)
        return UINT32_MAX;
    up = &trie->segment[segment->parent];
    return up->first_row + up->length - 1;
}

size_t gd_trie_group(const gd_trie *trie, uint32_t row)
{
    size_t low = 0, high = trie->run_count - 1;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;

        if (trie->runs[mid].end > row)
            high = mid;
        else
            low = mid + 1;
    }
    return trie->runs[low].group;
}

void gd_trie_free(gd_trie *trie)
{
    gd_free(trie->runs);
    gd_free(trie->token);
    gd_free(trie->position);
    gd_free(trie->row_segment);
    gd_free(trie->segment);
    gd_free(trie->text_pooled);
    gd_free(trie->pooled);
    *trie = (gd_trie){ 0 };
}

size_t gd_row_count_more(const gd_row_count *count, const gd_span *texts, const size_t *rank, size_t *place)
{
    const gd_span text = texts[count->texts];
    size_t low = 0, high = count->texts, left = 0, right = 0;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;

        if (rank[count->order[mid]] > rank[count->texts])
            high = mid;
        else
            low = mid + 1;
    }
    *place = low;
    if (low > 0)
        left = gd_span_common(texts[count->order[low - 1]], text);
    if (low < count->texts)
        right = gd_span_common(texts[count->order[low]], text);
    return text.len - (left > right ? left : right);
}

gd_status gd_row_count_add(gd_row_count *count, size_t place, gd_error *err)
{
    if (!gd_grow((void **)&count->order, &count->room, count->texts + 1, sizeof *count->order))
        return gd_fail_memory(err, count->texts * sizeof *count->order);
    memmove(count->order + place + 1, count->order + place, (count->texts - place) * sizeof *count->order);
    count->order[place] = count->texts++;
    return GD_OK;
}

void gd_row_count_clear(gd_row_count *count) { count->texts = 0; }

void gd_row_count_free(gd_row_count *count)
{
    gd_free(count->order);
    *count = (gd_row_count){ 0 };
}
