/* Notes (notes.h). Invariant: every row in `rows` is a whole mark of code CANP_MARK_NOTE. */
#include "notes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <canp/pools/clock.h>
#include <canp/writer.h>

#define NOTE_TEXT_MAX 1023U

static int put(struct notes *notes, const char *text)
{
    union {
        struct canp_event event;
        uint8_t bytes[sizeof(struct canp_event) + NOTE_TEXT_MAX + 1];
    } mark = {.event = {.code = CANP_MARK_NOTE}};
    size_t length = strlen(text);
    mark.event.bytes = (uint16_t)(sizeof(mark.event) + length);
    memcpy(mark.bytes + sizeof(mark.event), text, length);
    return canp_rowbuf_put_event(&notes->rows, canp_realtime_ns(), 0, CANP_KIND_MARK, &mark);
}

static int check(const char *text, struct canp_why *why)
{
    const char *sign = strchr(text, '=');
    if (!sign || sign == text)
        return canp_fail(why, -EINVAL, "note '%s' is no KEY=VALUE", text);
    if (strlen(text) > NOTE_TEXT_MAX)
        return canp_fail(why, -EINVAL, "note '%.32s...' is longer than %u bytes", text, NOTE_TEXT_MAX);
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ')
            return canp_fail(why, -EINVAL, "note '%.*s' has a control character in it", (int)(sign - text),
                             text);
    }
    return 0;
}

static int put_all(struct notes *notes, const struct canp_recorder_opts *opts, struct canp_why *why)
{
    int r = 0;
    for (unsigned i = 0; i < opts->note_count && r == 0; i++) {
        r = check(opts->notes[i], why);
        if (r == 0 && (r = put(notes, opts->notes[i])) < 0)
            canp_fail(why, r = -EINVAL, "more notes than %u bytes", NOTES_BYTES_MAX);
    }
    for (unsigned i = 0; i < opts->iface_count && r == 0; i++) {
        char text[NOTE_TEXT_MAX + 1]; /* long filters are cut: they tell a reader, nothing is set from them */
        const char *filters = strchr(opts->ifaces[i], ',');
        if (!filters || opts->ifaces[i][0] == '@') /* of a quoted name it is a part */
            continue;
        snprintf(text, sizeof(text), "filter.%.*s=%s", (int)(filters - opts->ifaces[i]), opts->ifaces[i],
                 filters + 1);
        if ((r = put(notes, text)) < 0)
            canp_fail(why, r, "more notes than %u bytes", NOTES_BYTES_MAX);
    }
    return r;
}

int canp_notes_make(struct notes *notes, const struct canp_recorder_opts *opts, struct canp_why *why)
{
    void *room = aligned_alloc(8, NOTES_BYTES_MAX);
    if (!room)
        return canp_fail(why, -ENOMEM, "out of memory");
    canp_rowbuf_init(&notes->rows, room, NOTES_BYTES_MAX);
    return put_all(notes, opts, why);
}

void canp_notes_store(struct notes *notes, struct canp_writer *writer)
{
    struct canp_writer_stats stats;
    if (notes->rows.records == 0)
        return;
    canp_writer_stats(writer, &stats);
    if (stats.segments == notes->segment)
        return;
    if (canp_writer_commit(writer, &notes->rows) < 0)
        return;
    canp_writer_stats(writer, &stats); /* the commit itself may have begun a segment */
    notes->segment = stats.segments;
}

void canp_notes_free(struct notes *notes)
{
    free(notes->rows.data);
    notes->rows.data = NULL;
}
