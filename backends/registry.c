/* registry.c - the backends of this build, and finding one by name. */
#include "backends/backend.h"

#include "backends/cpu/device.h"
#include "base/error.h"
#include "base/fpenv.h"

#include <stdio.h>
#include <string.h>

extern const gd_backend gd_backend_cuda;
#if HAVE_OPENBLAS
extern const gd_backend gd_backend_openblas;
#endif
#if HAVE_ONEDNN
extern const gd_backend gd_backend_onednn;
#endif

const gd_backend *const *gd_backends_all(void)
{
    static const gd_backend *const all[] = {
        &gd_backend_cpu,
#if HAVE_OPENBLAS
        &gd_backend_openblas,
#endif
#if HAVE_ONEDNN
        &gd_backend_onednn,
#endif
        &gd_backend_cuda,
        NULL,
    };

    return all;
}

static void join_names(char *text, size_t room)
{
    size_t len = 0;

    text[0] = '\0';
    for (const gd_backend *const *b = gd_backends_all(); *b && len < room; b++)
        len += (size_t)snprintf(text + len, room - len, "%s%s", len ? ", " : "", (*b)->name);
}

gd_status gd_backend_check(const gd_backend *backend, gd_dtype operand, gd_error *err)
{
    gd_error why = { 0 };

    if (backend->contract != GD_BACKEND_CONTRACT)
        return gd_fail(err, GD_EUNSUPPORTED, "backend %s follows contract %u, but this library has contract %u",
                       backend->name, backend->contract, GD_BACKEND_CONTRACT);
    if (backend->available(operand, &why))
        return gd_fail(err, why.status, "backend %s: %s", backend->name, why.text);
    return GD_OK;
}

const gd_backend *gd_backend_named(const char *name)
{
    for (const gd_backend *const *b = gd_backends_all(); *b; b++)
        if (!strcmp((*b)->name, name))
            return *b;
    return NULL;
}

gd_status gd_backend_find(const gd_backend **out, const char *name, gd_dtype operand, gd_error *err)
{
    const gd_backend *found = gd_backend_named(name && strcmp(name, "auto") ? name : "cpu");
    char names[128];
    gd_status rc;

    *out = NULL;
    if (found) {
        rc = gd_backend_check(found, operand, err);
        if (!rc)
            *out = found;
        return rc;
    }
    join_names(names, sizeof names);
    return gd_fail(err, GD_EUSAGE, "there is no backend \"%s\" in this build; it has: %s", name, names);
}

gd_status gd_backend_missing(const gd_backend *backend, const bool needed[GD_OP_COUNT], gd_error *err)
{
    char names[256] = "";
    size_t len = 0;

    for (int op = 0; op < GD_OP_COUNT; op++)
        if (needed[op] && !backend->run[op] && len < sizeof names)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", len ? ", " : "",
                                    gd_op_table[(gd_op)op].name);
    if (!len)
        return GD_OK;
    return gd_fail(err, GD_EUNSUPPORTED, "backend %s cannot run these operations of the model: %s", backend->name,
                   names);
}

gd_status gd_backend_load(const gd_backend *backend, gd_device *device, gd_weight **out, gd_weight_role role,
                          const gd_view *view, gd_error *err)
{
    gd_status rc = backend->weight_make(device, out, role, view, err);
    const size_t pieces = rc ? 0 : backend->weight_pieces(*out);
    const uint64_t env = gd_fpenv_enter();

    for (size_t i = 0; i < pieces; i++)
        backend->weight_fill(*out, i);
    gd_fpenv_leave(env);
    return rc;
}
