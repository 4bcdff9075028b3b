/*
 * Reads a whole column at once into arrays that grow by doubling (canp/column.h). Any thread, one per call.
 */
#include <canp/column.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <canp/private/opts.h>

#define ROOM_FIRST 4096

void canp_column_arrays_release(struct canp_column_arrays *a)
{
    free(a->times_ns);
    free(a->values);
    free(a->raw);
    free(a->flags);
    free(a->channels);
    memset(a, 0, sizeof(*a));
}

static bool resize(void **array, size_t room, size_t item_bytes, bool wanted)
{
    if (!wanted)
        return true;
    void *larger = room <= SIZE_MAX / item_bytes ? realloc(*array, room * item_bytes) : NULL;
    if (!larger)
        return false;
    *array = larger;
    return true;
}

#define RESIZE(array, wanted) resize((void **)&(array), room, sizeof(*(array)), wanted)

static int grow(struct canp_column_arrays *a, uint32_t with, size_t room)
{
    if (!RESIZE(a->times_ns, true) || !RESIZE(a->values, true) || !RESIZE(a->raw, with & CANP_COLUMN_RAW) ||
        !RESIZE(a->flags, with & CANP_COLUMN_FLAGS) || !RESIZE(a->channels, with & CANP_COLUMN_CHANNELS))
        return -ENOMEM;
    a->room = room;
    return 0;
}

/* The arrays from where they are filled to. */
static struct canp_column_arrays rest_of(const struct canp_column_arrays *a)
{
    struct canp_column_arrays rest = {.room = a->room - a->count};
    rest.times_ns = a->times_ns + a->count;
    rest.values = a->values + a->count;
    rest.raw = a->raw ? a->raw + a->count : NULL;
    rest.flags = a->flags ? a->flags + a->count : NULL;
    rest.channels = a->channels ? a->channels + a->count : NULL;
    return rest;
}

static int64_t read_all(struct canp_column *c, uint32_t with, struct canp_column_arrays *a)
{
    int64_t r = 1;
    while (r > 0) {
        if (a->count == a->room && grow(a, with, a->room ? 2 * a->room : ROOM_FIRST) < 0)
            return -ENOMEM;
        struct canp_column_arrays rest = rest_of(a);
        r = canp_column_read(c, &rest);
        a->count += rest.count;
    }
    return r;
}

int canp_signal_column(struct canp_reader *reader, const struct canp_decoder *decoder,
                       const struct canp_dbc_signal *signal, const struct canp_column_opts *opts,
                       struct canp_column_arrays *out, struct canp_column_counts *counts, uint32_t *damaged,
                       struct canp_why *why)
{
    struct canp_column_opts taken;
    struct canp_column *c;
    memset(out, 0, sizeof(*out));
    int r = canp_column_open(reader, decoder, signal, opts, &c, why);
    if (r < 0)
        return r;
    canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts); /* it was taken a moment before */
    r = (int)read_all(c, taken.with, out);
    if (counts)
        canp_column_counts(c, counts);
    if (damaged)
        *damaged = canp_column_damaged(c);
    canp_column_close(c);
    if (r < 0) {
        canp_column_arrays_release(out);
        return canp_fail(why, r, "signal %.60s of message %.60s: %s", signal->name, signal->message->name,
                         canp_strerror(r));
    }
    return 0;
}
