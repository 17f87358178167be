/* adapter.c - a LoRA adapter as PEFT saves it: its tensors, and how they belong together. */
#include "quant-free/adapter_inside.h"

#include "base/error.h"
#include "base/file.h"
#include "base/guard.h"
#include "base/mem.h"
#include "quant-free/convert.h"

#include <stdlib.h>
#include <string.h>

static size_t before(const char *name, const char *end)
{
    const size_t n = strlen(name), e = strlen(end);

    return n > e && strcmp(name + n - e, end) == 0 ? n - e : 0;
}

/* The length of the module's name in a tensor's name (after GD_ADAPTER_PREFIX) that ends with `part` (".lora_A") and
 * ".weight", or 0. PEFT removes the adapter's name when it saves; in a raw state dict it is there. */
static size_t module_len(const char *name, const char *part)
{
    char plain[32], raw[32];
    size_t len;

    (void)snprintf(plain, sizeof plain, "%s.weight", part);
    (void)snprintf(raw, sizeof raw, "%s.default.weight", part);
    len = before(name, plain);
    return len ? len : before(name, raw);
}

static gd_status refuse_tensor(const gd_adapter *ad, const char *name, gd_error *err)
{
    static const struct {
        const char *part, *why;
    } reasons[] = {
        { ".lora_embedding_", "LoRA on embeddings is not supported" },
        { ".lora_magnitude_vector", "DoRA is not supported" },
        { ".lora_B.bias", "LoRA biases are not supported" },
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (strstr(name, reasons[i].part))
            return gd_fail(err, GD_EUNSUPPORTED, "%s: tensor \"%s\": %s", ad->path, name, reasons[i].why);
    }
    return gd_fail(err, GD_EUNSUPPORTED,
                   "%s: tensor \"%s\" is unknown: it is neither a module's lora_A or lora_B nor the head's %s.weight",
                   ad->path, name, ad->config.head);
}

size_t gd_adapter_saved_len(const char *name)
{
    const size_t raw = before(name, ".modules_to_save.default.weight");

    return raw ? raw : before(name, ".weight");
}

static bool is_head(const gd_adapter *ad, const char *name)
{
    const size_t len = strlen(ad->config.head);

    return gd_adapter_saved_len(name) == len && strncmp(name, ad->config.head, len) == 0;
}

static bool is_head_bias(const gd_adapter *ad, const char *name)
{
    const size_t len = strlen(ad->config.head);

    return !strncmp(name, ad->config.head, len) &&
           (!strcmp(name + len, ".bias") || !strcmp(name + len, ".modules_to_save.default.bias"));
}

/* PEFT saves the embedding when it was trained, or resized. */
static bool is_embedding(const char *name)
{
    const size_t len = gd_adapter_saved_len(name), last = strlen(GD_ADAPTER_EMBEDDING);

    return len >= last && strncmp(name + len - last, GD_ADAPTER_EMBEDDING, last) == 0 &&
           (len == last || name[len - last - 1] == '.');
}

/* A reward model has no output layer, so whatever the adapter has for it is not used. */
static bool is_output_layer(const gd_adapter *ad, const char *name)
{
    return strncmp(name, "lm_head.", 8) == 0 && strcmp(ad->config.head, "lm_head") != 0;
}

/* The model checks the shape. */
static gd_status take_whole(const gd_adapter *ad, const gd_view **whole, const gd_view *view, const char *what,
                            gd_error *err)
{
    const unsigned rank = whole == &ad->bias ? 1 : 2;

    if (*whole)
        return gd_fail(err, GD_EFORMAT, "%s: the %s is present twice, as \"%s\" and as \"%s\"", ad->path, what,
                       (*whole)->name, view->name);
    if (view->rank != rank)
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": the %s must be a %s, but this has rank %u", ad->path,
                       view->name, what, rank == 1 ? "vector" : "matrix", view->rank);
    *whole = view;
    return GD_OK;
}

struct gd_adapter_module *gd_adapter_module_find(const gd_adapter *ad, const char *name, size_t len)
{
    size_t low = 0, high = ad->count;

    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        const char *have = ad->modules[mid].name;
        int order = strncmp(have, name, len);

        if (order == 0 && have[len])
            order = 1;
        if (order == 0)
            return &ad->modules[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct gd_adapter_module *)a)->name, ((const struct gd_adapter_module *)b)->name);
}

void gd_adapter_sort(gd_adapter *ad) { qsort(ad->modules, ad->count, sizeof *ad->modules, by_name); }

/* First pass: every lora_A makes a module; all other tensors must be known. */
static gd_status take_tensor(gd_adapter *ad, const gd_view *view, gd_error *err)
{
    const char *name = view->name + strlen(GD_ADAPTER_PREFIX);
    const size_t len = module_len(name, ".lora_A");

    if (is_head(ad, name))
        return take_whole(ad, &ad->head, view, "head", err);
    if (is_head_bias(ad, name))
        return take_whole(ad, &ad->bias, view, "head's bias", err);
    if (is_embedding(name))
        return take_whole(ad, &ad->embedding, view, "embedding", err);
    if (is_output_layer(ad, name)) {
        ad->ignored++;
        return GD_OK;
    }
    if (module_len(name, ".lora_B"))
        return GD_OK;
    if (len && gd_adapter_is_of_images(name)) {
        ad->images++;
        return GD_OK;
    }
    if (!len)
        return refuse_tensor(ad, view->name, err);
    ad->modules[ad->count] = (struct gd_adapter_module){ .name = gd_strndup(name, len), .lora.a = view };
    if (!ad->modules[ad->count].name)
        return gd_fail_memory(err, len + 1);
    ad->count++;
    return GD_OK;
}

/* Second pass: matches every lora_B with its lora_A. */
static gd_status pair_tensor(const gd_adapter *ad, const gd_view *view, gd_error *err)
{
    const char *name = view->name + strlen(GD_ADAPTER_PREFIX);
    const size_t len = is_output_layer(ad, name) || gd_adapter_is_of_images(name) ? 0 : module_len(name, ".lora_B");
    struct gd_adapter_module *m = len ? gd_adapter_module_find(ad, name, len) : NULL;

    if (m && m->lora.b)
        return gd_fail(err, GD_EFORMAT, "%s: module \"%s\" has two tensors lora_B: \"%s\" and \"%s\"", ad->path,
                       m->name, m->lora.b->name, view->name);
    if (len && !m)
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\" has no matching lora_A", ad->path, view->name);
    if (m)
        m->lora.b = view;
    return GD_OK;
}

/* Reads all of it, and releases the pages: those of a large adapter would exceed the memory of a run. */
static bool is_finite(const gd_view *view)
{
    const bool finite = gd_view_finite(view);

    gd_view_release(view, 0, view->bytes);
    return finite;
}

static gd_status check_shapes(const gd_adapter *ad, const struct gd_adapter_module *m, gd_error *err)
{
    const gd_view *a = m->lora.a, *b = m->lora.b;
    const size_t rank = m->lora.rank;

    if (!b)
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\" has no matching lora_B", ad->path, a->name);
    if (a->rank != 2 || b->rank != 2)
        return gd_fail(err, GD_EFORMAT, "%s: module \"%s\": lora_A and lora_B are not matrices", ad->path, m->name);
    if (a->shape[0] != rank || b->shape[1] != rank)
        return gd_fail(err, GD_EFORMAT,
                       "%s: module \"%s\": lora_A is [%zu, %zu] and lora_B [%zu, %zu], but rank %zu is "
                       "expected",
                       ad->path, m->name, a->shape[0], a->shape[1], b->shape[0], b->shape[1], rank);
    if (!is_finite(a) || !is_finite(b))
        return gd_fail(err, GD_EFORMAT, "%s: module \"%s\": a number is not finite", ad->path, m->name);
    return GD_OK;
}

static gd_status check_module(gd_adapter *ad, struct gd_adapter_module *m, gd_error *err)
{
    bool targeted;
    gd_status rc;

    rc = gd_adapter_config_targets(&ad->config, m->name, &targeted, err);
    if (!rc && !targeted)
        return gd_fail(err, GD_EFORMAT, "%s: module \"%s\" has LoRA, but %s does not target it", ad->path, m->name,
                       ad->config.path);
    if (!rc)
        rc = gd_adapter_config_scale(&ad->config, m->name, &m->lora.rank, &m->lora.scale, err);
    return rc ? rc : check_shapes(ad, m, err);
}

static gd_status note_zeros(gd_adapter *ad, gd_error *err)
{
    for (size_t i = 0; i < ad->count; i++) {
        const gd_view *b = ad->modules[i].lora.b;
        const bool zero = gd_view_all_zero(b);

        gd_view_release(b, 0, b->bytes);
        if (!zero)
            return GD_OK;
    }
    return gd_notes_add(&ad->notes, err, "%s: every lora_B is zero: the adapter changes no layer", ad->path);
}

static gd_status add_notes(gd_adapter *ad, gd_error *err)
{
    gd_status rc = GD_OK;

    if (ad->ignored)
        rc = gd_notes_add(&ad->notes, err, "%s: lm_head is ignored: a reward model has no output layer", ad->path);
    if (!rc && ad->images)
        rc = gd_notes_add(&ad->notes, err, "%s: LoRA on %zu modules that read images is ignored: only texts are read",
                          ad->path, ad->images);
    if (!rc && json_is_true(json_object_get(ad->config.json, "fan_in_fan_out")))
        rc = gd_notes_add(
            &ad->notes, err,
            "%s: the field \"fan_in_fan_out\" is true, but linear layers are not transposed: it is ignored, "
            "as in PEFT",
            ad->config.path);
    return rc ? rc : note_zeros(ad, err);
}

/* Finds the modules, pairs their tensors, and checks each of them. */
static gd_status sort_tensors(gd_adapter *ad, gd_error *err)
{
    const size_t count = gd_st_count(ad->st);
    gd_status rc = GD_OK;

    for (size_t i = 0; i < count && !rc; i++) {
        const gd_view *view = gd_st_at(ad->st, i);

        if (strncmp(view->name, GD_ADAPTER_PREFIX, strlen(GD_ADAPTER_PREFIX)) != 0)
            return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\" does not begin with \"" GD_ADAPTER_PREFIX "\"", ad->path,
                           view->name);
        rc = take_tensor(ad, view, err);
    }
    gd_adapter_sort(ad);
    for (size_t i = 1; i < ad->count && !rc; i++)
        if (strcmp(ad->modules[i - 1].name, ad->modules[i].name) == 0)
            return gd_fail(err, GD_EFORMAT, "%s: module \"%s\" has two tensors lora_A: \"%s\" and \"%s\"", ad->path,
                           ad->modules[i].name, ad->modules[i - 1].lora.a->name, ad->modules[i].lora.a->name);
    for (size_t i = 0; i < count && !rc; i++)
        rc = pair_tensor(ad, gd_st_at(ad->st, i), err);
    for (size_t i = 0; i < ad->count && !rc; i++)
        rc = check_module(ad, &ad->modules[i], err);
    return rc;
}

/* A head or an embedding: finite, and present if the configuration says that it was saved. */
static gd_status check_whole(const gd_adapter *ad, const gd_view *view, bool saved, const char *what, gd_error *err)
{
    if (view && !is_finite(view))
        return gd_fail(err, GD_EFORMAT, "%s: tensor \"%s\": a number is not finite", ad->path, view->name);
    if (!view && saved)
        return gd_fail(err, GD_EFORMAT, "%s: the %s is missing, but according to %s it was saved", ad->path, what,
                       ad->config.path);
    return GD_OK;
}

static gd_status read_tensors(gd_adapter *ad, gd_error *err)
{
    const size_t count = gd_st_count(ad->st);
    gd_status rc = GD_OK;

    if (gd_st_other_count(ad->st)) {
        const gd_view *none;

        return gd_st_need(&none, ad->st, gd_st_other_at(ad->st, 0)->name, err);
    }
    ad->modules = gd_alloc(count, sizeof *ad->modules);
    if (!ad->modules)
        return gd_fail_memory(err, count * sizeof *ad->modules);
    rc = sort_tensors(ad, err);
    if (!rc)
        rc = check_whole(ad, ad->head, ad->config.saves_head, "head", err);
    if (!rc)
        rc = check_whole(ad, ad->bias, false, "head's bias", err);
    if (!rc)
        rc = check_whole(ad, ad->embedding, ad->config.saves_embedding, "embedding", err);
    if (!rc && !ad->count && !ad->head && !ad->embedding)
        return gd_fail(err, GD_EFORMAT, "%s: the file contains no tensors", ad->path);
    return rc ? rc : add_notes(ad, err);
}

static gd_status open_tensors(gd_adapter *ad, const char *dir, gd_error *err)
{
    bool pickle = false, there = false;
    gd_status rc = gd_file_hint(&pickle, dir, "adapter_model.bin", err);

    if (!rc)
        rc = gd_file_find(&ad->path, &there, dir, "adapter_model.safetensors", err);
    if (rc)
        return rc;
    if (pickle && !there)
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: found only adapter_model.bin, a pickle, which can run code when it is loaded; if you trust "
                       "it, load it with PEFT and call save_pretrained(), which writes safetensors",
                       dir);
    if (pickle)
        rc = gd_notes_add(&ad->notes, err, "%s: adapter_model.bin is ignored, since adapter_model.safetensors exists",
                          dir);
    if (!rc)
        rc = gd_st_open(&ad->st, ad->path, err);
    return rc ? rc : read_tensors(ad, err);
}

gd_status gd_adapter_open(gd_adapter **out, const char *dir, const char *head, gd_error *err)
{
    gd_adapter *ad;
    gd_status rc;

    *out = NULL;
    ad = gd_alloc_zero(1, sizeof *ad);
    if (!ad)
        return gd_fail_memory(err, sizeof *ad);
    rc = gd_adapter_config_read(&ad->config, dir, head, err);
    gd_guard_enter();
    if (!rc)
        rc = open_tensors(ad, dir, err);
    gd_guard_leave();
    if (!rc)
        rc = gd_adapter_unchanged(ad, err);
    if (rc)
        gd_adapter_close(ad);
    else
        *out = ad;
    return rc;
}

gd_status gd_adapter_unchanged(const gd_adapter *ad, gd_error *err) { return gd_st_unchanged(ad->st, err); }

void gd_adapter_close(gd_adapter *ad)
{
    if (!ad)
        return;
    for (size_t i = 0; i < ad->count; i++)
        gd_free(ad->modules[i].name);
    gd_free(ad->modules);
    gd_st_close(ad->st);
    gd_adapter_config_free(&ad->config);
    gd_notes_free(&ad->notes);
    gd_free(ad->path);
    gd_free(ad);
}

const char *gd_adapter_path(const gd_adapter *ad) { return ad->path; }
size_t gd_adapter_count(const gd_adapter *ad) { return ad->count; }
const char *gd_adapter_module(const gd_adapter *ad, size_t i) { return ad->modules[i].name; }
const gd_view *gd_adapter_head_bias(const gd_adapter *ad) { return ad->bias; }
size_t gd_adapter_image_modules(const gd_adapter *ad) { return ad->images; }
const gd_view *gd_adapter_head(const gd_adapter *ad) { return ad->head; }
const gd_view *gd_adapter_embedding(const gd_adapter *ad) { return ad->embedding; }

size_t gd_adapter_note_count(const gd_adapter *ad) { return ad->notes.count; }
const char *gd_adapter_note(const gd_adapter *ad, size_t i) { return ad->notes.text[i]; }

const char *gd_adapter_base(const gd_adapter *ad)
{
    const char *base = json_string_value(json_object_get(ad->config.json, "base_model_name_or_path"));

    return base && *base ? base : NULL;
}

bool gd_adapter_find(const gd_adapter *ad, const char *module, gd_lora *out)
{
    const struct gd_adapter_module *m = gd_adapter_module_find(ad, module, strlen(module));

    if (m)
        *out = m->lora;
    return m != NULL;
}
