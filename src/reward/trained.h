/* trained.h - guerdon-adapter.json: how the texts that an adapter was trained on became tokens. It is scored in the
 * same way, unless the caller's options say otherwise. doc/formats.md describes the file. */
#ifndef GD_REWARD_TRAINED_H
#define GD_REWARD_TRAINED_H

#include "base/json.h"
#include "base/notes.h"
#include "guerdon.h"
#include "reward/choose.h"
#include "text/chat.h"

#define GD_TRAINED_FILE "guerdon-adapter.json"

/* The members of gd_options that the file may have; there, they have the same names. */
typedef enum gd_trained_field {
    GD_TRAINED_MAX_LENGTH,
    GD_TRAINED_ADD_EOS,
    GD_TRAINED_CHAT_FORMAT,
    GD_TRAINED_TURNS,
    GD_TRAINED_NORMALIZE,
    GD_TRAINED_FIELDS
} gd_trained_field;

typedef struct gd_trained {
    char *path;             /* NULL: there is no such file, and nothing is known */
    const char *whose;      /* "adapter" or "model": what was trained */
    json_t *json;           /* the file, which owns the strings */
    gd_options scoring;     /* only these members; where the file says nothing, they are at their defaults */
    const json_t *training; /* an object, or NULL */
    bool applied[GD_TRAINED_FIELDS];
} gd_trained;

/* Reads the file of the adapter's directory or, without an adapter, of the model's: merging copies it there.  The
 * settings of a model on which an adapter was trained later are not the adapter's.  Close it even after a failure. */
gd_status gd_trained_open(gd_trained *trained, const char *dir, const char *adapter_dir, gd_error *err);
void gd_trained_close(gd_trained *trained);

/* Sets those of the options that are at their defaults.  They may point into *trained from then on.  GD_ADD_EOS_OFF
 * becomes GD_ADD_EOS_NEVER: whoever reads them need not tell the two apart.  Fails with GD_EFORMAT if the training's
 * chat format was a file, and the options have none. */
gd_status gd_trained_apply(gd_trained *trained, gd_options *options, gd_error *err);

/* Notes what was applied, and each of the options that the caller gave although the training had another.  `chat` is
 * the format that conversations have, or NULL; `from` says whose template "auto" means. */
gd_status gd_trained_note(const gd_trained *trained, const gd_options *given, const gd_chat *chat,
                          const gd_choice *from, gd_notes *notes, gd_error *err);

/* Notes each setting in which training that begins with this adapter's values differs from its own; `run` has all of
 * them but normalize. */
gd_status gd_trained_note_start(const gd_trained *trained, const gd_options *run, const gd_chat *chat,
                                const gd_choice *from, gd_notes *notes, gd_error *err);

/* The option cannot be used: if its value is the file's, fails with GD_EFORMAT and a sentence that ends as given. */
gd_status gd_trained_blame(const gd_trained *trained, gd_trained_field field, gd_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
