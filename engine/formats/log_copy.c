/*
 * Copies from any reader to any writer; channels are matched by name. convert, dump, merge and repair use it.
 * One thread.
 */
#include <canp/private/opts.h>
#include <errno.h>
#include <string.h>

#include "formats/log_format.h"

#define UNMAPPED  UINT16_MAX
#define LOOK_MASK 0xFFU /* is_stopped() is asked every 256 records */

struct copy {
    struct canp_log_reader *reader;
    struct canp_log_writer *writer;
    uint16_t channels[CANP_CHANNELS_MAX + 1]; /* the reader's -> the writer's */
};

static int find(const struct canp_channels *channels, const char *name)
{
    for (unsigned i = 0; i < channels->count; i++) {
        if (channels->of[i].is_there && strcmp(channels->of[i].iface.name, name) == 0)
            return (int)i;
    }
    return -1;
}

/* The writer's channel of this interface, defined there unless it is. */
static int map_channel(struct copy *c, uint8_t channel, const struct canp_iface *iface, int64_t time_ns)
{
    int found = find(&c->writer->channels, iface->name);
    if (found >= 0 && c->channels[channel] == UNMAPPED) {
        c->channels[channel] = (uint16_t)found;
        if (memcmp(&c->writer->channels.of[found].iface, iface, sizeof(*iface)) == 0)
            return 0;
    }
    if (found < 0 && c->writer->channels.count == CANP_CHANNELS_MAX)
        return -CANP_E_TOO_MANY;
    struct canp_record definition = {.time_ns = time_ns, .kind = CANP_KIND_IFACE};
    definition.channel = (uint8_t)(found >= 0 ? (unsigned)found : c->writer->channels.count);
    definition.iface = iface;
    c->channels[channel] = definition.channel;
    return canp_log_write(c->writer, &definition);
}

static int copy_one(struct copy *c, struct canp_record *record)
{
    if (__builtin_expect(record->kind == CANP_KIND_IFACE, 0))
        return map_channel(c, record->channel, record->iface, record->time_ns);
    if (__builtin_expect(c->channels[record->channel] == UNMAPPED, 0)) {
        struct canp_iface unnamed = {.bytes = sizeof(unnamed)};
        const struct canp_iface *iface = canp_log_iface(c->reader, record->channel);
        if (!iface) {
            canp_channels_define(&c->reader->channels, record->channel, &unnamed);
            iface = canp_log_iface(c->reader, record->channel);
        }
        int r = map_channel(c, record->channel, iface, record->time_ns);
        if (r < 0)
            return r;
    }
    record->channel = (uint8_t)c->channels[record->channel];
    return canp_log_write(c->writer, record);
}

int canp_log_copy(struct canp_log_reader *reader, struct canp_log_writer *writer,
                  const struct canp_log_copy_opts *opts, struct canp_log_copy_result *result,
                  struct canp_why *why)
{
    struct copy c = {.reader = reader, .writer = writer};
    struct canp_log_copy_result done = {0};
    struct canp_log_write_stats before, after;
    struct canp_record record;
    struct canp_log_copy_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0) {
        if (result)
            *result = done;
        return canp_fail(why, r, "log: options that this release of libcanp does not know");
    }
    memset(c.channels, 0xFF, sizeof(c.channels));
    canp_log_writer_stats(writer, &before);
    for (uint32_t n = 0;; n++) {
        if (__builtin_expect(!(n & LOOK_MASK), 0) && taken.is_stopped && taken.is_stopped(taken.user)) {
            r = canp_fail(why, -EINTR, "stopped");
            break;
        }
        r = canp_log_next(reader, &record);
        if (__builtin_expect(r != 1, 0)) {
            if (r < 0)
                canp_fail(why, r, "%s", canp_log_why(reader));
            break;
        }
        r = copy_one(&c, &record);
        if (__builtin_expect(r < 0, 0)) {
            done.is_write_error = true;
            canp_fail(why, r, "%s", canp_strerror(r));
            break;
        }
    }
    canp_log_writer_stats(writer, &after);
    done.records = after.records - before.records;
    done.frames = after.frames - before.frames;
    if (result)
        *result = done;
    return r;
}
