/*
 * Databases from files, their owners, and finding things in them. A file is read as a whole into private
 * memory first, so that a change of it meanwhile cannot confuse the parser. Any thread.
 */
#include <canp/private/cleanup.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dbc_open.h"
#include "dbc_priv.h"

/* The whole file; *text is the caller's. Reads what is there even when the size is not known before. */
static int read_all(int fd, size_t expected, size_t max, char **text, size_t *bytes)
{
    size_t capacity = expected + 1, used = 0;
    char *buffer = malloc(capacity);
    ssize_t got = -1;
    while (buffer && (got = read(fd, buffer + used, capacity - used)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        used += (size_t)got;
        if (used > max)
            break;
        if (used == capacity) {
            char *more = realloc(buffer, capacity *= 2);
            if (!more) {
                free(buffer);
                return -ENOMEM;
            }
            buffer = more;
        }
    }
    if (!buffer)
        return -ENOMEM;
    if (got < 0 || used > max) {
        int r = got < 0 ? -errno : -EFBIG;
        free(buffer);
        return r;
    }
    *text = buffer;
    *bytes = used;
    return 0;
}

int canp_dbc_open_fd(int fd, const struct stat *st, const char *path, const struct canp_dbc_opts *opts,
                     struct canp_dbc **out, struct canp_why *why)
{
    static const struct canp_dbc_opts usual = CANP_DBC_OPTS_INIT;
    char *text = NULL;
    size_t bytes = 0;
    opts = opts ? opts : &usual;
    if (S_ISDIR(st->st_mode))
        return canp_fail(why, -EISDIR, "%s is a directory: name a DBC file", path);
    uint64_t size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 65536;
    int r = size > opts->file_bytes_max ? -EFBIG : read_all(fd, size, opts->file_bytes_max, &text, &bytes);
    if (r == -EFBIG)
        return canp_fail(why, r,
                         "%s has more than %llu bytes, the most that may be read: is it a signal database?",
                         path, (unsigned long long)opts->file_bytes_max);
    if (r < 0)
        return canp_fail(why, r, "cannot read %s: %s", path, canp_strerror(r));
    r = canp_dbc_parse(text, bytes, path, opts, out, why);
    free(text);
    return r;
}

int canp_dbc_open(const char *path, const struct canp_dbc_opts *opts, struct canp_dbc **out,
                  struct canp_why *why)
{
    struct stat st;
    CANP_CLEANUP(canp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int r = -errno;
        return canp_fail(why, r, "cannot open %s: %s", path, canp_strerror(r));
    }
    return canp_dbc_open_fd(fd, &st, path, opts, out, why);
}

struct canp_dbc *canp_dbc_share(struct canp_dbc *dbc)
{
    atomic_fetch_add_explicit(&dbc->owners, 1, memory_order_relaxed);
    return dbc;
}

void canp_dbc_release(struct canp_dbc *dbc)
{
    if (!dbc || atomic_fetch_sub_explicit(&dbc->owners, 1, memory_order_acq_rel) != 1)
        return;
    canp_dbc_names_free(&dbc->names);
    canp_dbc_arena_free(&dbc->arena);
    free(dbc->errors);
    free(dbc);
}

const struct canp_dbc_contents *canp_dbc_contents(const struct canp_dbc *dbc)
{
    return &dbc->contents;
}

uint64_t canp_dbc_errors(const struct canp_dbc *dbc, const struct canp_dbc_error **kept, uint32_t *kept_count)
{
    if (kept) {
        *kept = dbc->errors;
        *kept_count = dbc->kept_count;
    }
    return dbc->error_count;
}

/* ---- finding ----------------------------------------------------------------------------------------------
 */

const struct canp_dbc_message *canp_dbc_message_by_id(const struct canp_dbc *dbc, uint32_t id)
{
    return canp_dbc_names_find(&dbc->names, DBC_NAMES_MESSAGE_ID, id, (struct dbc_word){"", 0});
}

const struct canp_dbc_message *canp_dbc_message_by_name(const struct canp_dbc *dbc, const char *name)
{
    return canp_dbc_names_find(&dbc->names, DBC_NAMES_MESSAGE, 0, dbc_word_of(name));
}

const struct canp_dbc_signal *
canp_dbc_signal_by_name(const struct canp_dbc *dbc, const struct canp_dbc_message *message, const char *name)
{
    if (!message->duplicate)
        return canp_dbc_names_find(&dbc->names, DBC_NAMES_SIGNAL, message->id, dbc_word_of(name));
    for (uint32_t i = 0; i < message->signal_count; i++)
        if (strcmp(message->signals[i].name, name) == 0)
            return &message->signals[i];
    return NULL;
}

const struct canp_dbc_node *canp_dbc_node_by_name(const struct canp_dbc *dbc, const char *name)
{
    return canp_dbc_names_find(&dbc->names, DBC_NAMES_NODE, 0, dbc_word_of(name));
}

const struct canp_dbc_attribute_value *canp_dbc_attribute(const struct canp_dbc *dbc,
                                                          enum canp_dbc_object object,
                                                          const struct canp_dbc_attribute *list,
                                                          const char *name)
{
    const struct canp_dbc_attribute_definition *d =
        canp_dbc_names_find(&dbc->names, DBC_NAMES_DEFINITION, (uint32_t)object, dbc_word_of(name));
    const struct canp_dbc_attribute_value *value = d && d->has_default ? &d->by_default : NULL;
    for (; d && list; list = list->next)
        if (list->definition == d)
            value = &list->value;
    return value;
}

const char *canp_dbc_value_text(const struct canp_dbc_value_table *table, int64_t raw)
{
    if (!table || table->count == 0)
        return NULL;
    const struct canp_dbc_value_text *texts = table->texts;
    uint64_t step =
        (uint64_t)raw - (uint64_t)texts[0].value; /* most tables count on from their first value */
    if (step < table->count && texts[step].value == raw)
        return texts[step].text;
    uint32_t low = 0, high = table->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (texts[middle].value < raw)
            low = middle + 1;
        else
            high = middle;
    }
    return low < table->count && texts[low].value == raw ? texts[low].text : NULL;
}
