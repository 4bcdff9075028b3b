/*
 * canp merge: several recordings into a new one, by time. Interfaces of the same name are one in it.
 *
 * Channels of the new recording are given out by name as recordings are opened, and for names that show up
 * later when they do. Main thread.
 */
#include <canp/merge.h>
#include <canp/writer.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/select.h"
#include "lib/stop.h"
#include "lib/text.h"

#define CHANNELS_MAX 255
#define UNMAPPED     UINT16_MAX
#define POLL_NS      100000000 /* --follow looks for more so often: a block each time there is */
#define WAIT_NS      1000000000

struct input {
    struct canp_reader *reader;
    uint16_t channels[CHANNELS_MAX + 1]; /* its channel -> the new one */
};

struct merge {
    const char *command;
    const char *output;
    bool pack;
    bool follow;
    uint64_t wait_ns;
    unsigned input_count;
    struct input *inputs;
    struct canp_writer *writer;
    unsigned channel_count;
    char names[CHANNELS_MAX][CANP_IFACE_NAME_BYTES];
    uint64_t records;
    uint32_t damaged;
};

/* The new channel of that name; one more if need be. Or a negative error. */
static int channel_named(struct merge *m, const char *name, const struct canp_iface *iface, int64_t time_ns)
{
    struct canp_iface named = {.bytes = sizeof(named)};
    for (unsigned i = 0; i < m->channel_count; i++) {
        if (strcmp(m->names[i], name) == 0)
            return (int)i;
    }
    if (m->channel_count == CHANNELS_MAX)
        return -CANP_E_TOO_MANY;
    if (iface)
        named = *iface;
    snprintf(named.name, sizeof(named.name), "%s", name);
    memcpy(m->names[m->channel_count], named.name, sizeof(named.name));
    int r = canp_writer_add_iface(m->writer, (uint8_t)m->channel_count, &named, time_ns);
    return r < 0 ? r : (int)m->channel_count++;
}

static int map_channel(struct merge *m, struct input *in, uint8_t channel, int64_t time_ns)
{
    if (in->channels[channel] == UNMAPPED) {
        int r = channel_named(m, select_iface_name(in->reader, channel),
                              canp_reader_iface(in->reader, channel), time_ns);
        if (r < 0)
            return r;
        in->channels[channel] = (uint16_t)r;
    }
    return in->channels[channel];
}

/* The names that are known come first, so that an interface without frames is there, too. */
static int map_known(struct merge *m)
{
    int r = 0;
    for (unsigned i = 0; i < m->input_count; i++) {
        struct input *in = &m->inputs[i];
        struct canp_info info;
        for (unsigned c = 0; c <= CHANNELS_MAX; c++)
            in->channels[c] = UNMAPPED;
        r = canp_reader_info(in->reader, &info);
        for (unsigned c = 0; r >= 0 && c < canp_reader_iface_count(in->reader); c++)
            r = map_channel(m, in, (uint8_t)c, info.first_ns);
        if (r < 0)
            return r;
    }
    return 0;
}

/* All there is now. 0 or a negative error. */
static int copy_on(struct merge *m, struct canp_merge *merged)
{
    struct canp_record record;
    unsigned from;
    int r = 0;
    while (r >= 0 && !stop_is_requested() && (r = canp_merge_next(merged, &record, &from)) == 1) {
        r = map_channel(m, &m->inputs[from], record.channel, record.time_ns);
        if (r < 0)
            break;
        record.channel = (uint8_t)r;
        r = canp_writer_put(m->writer, &record);
        m->records += r == 0;
    }
    return r < 0 ? r : 0;
}

/* What is there is committed each time, so that others can follow the new recording. */
static int copy_as_they_grow(struct merge *m, struct canp_merge *merged)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    int r;
    while (!stop_is_requested() && (r = canp_merge_refresh(merged)) != 0) {
        uint64_t before = m->records;
        r = r < 0 ? r : copy_on(m, merged);
        if (r == 0 && m->records > before)
            r = canp_writer_flush(m->writer);
        if (r < 0)
            return r;
        nanosleep(&pause, NULL);
    }
    return 0;
}

static int copy_all(struct merge *m, struct canp_merge *merged)
{
    int r = map_known(m);
    if (r >= 0)
        r = m->follow ? copy_as_they_grow(m, merged) : copy_on(m, merged);
    int finished = canp_writer_finish(m->writer); /* also behind an error: what was copied is kept */
    return r < 0 ? r : finished;
}

static int merge_into(struct merge *m, struct canp_merge *merged)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_why why;
    opts.pack = m->pack;
    int r = canp_writer_open(m->output, &opts, &m->writer, &why);
    if (r < 0)
        return opts_fail(m->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    r = copy_all(m, merged);
    if (r == -ECANCELED) /* said below */
        r = 0;
    m->damaged = canp_merge_damaged(merged);
    canp_writer_close(m->writer);
    if (r < 0)
        return opts_fail(m->command, CANP_EXIT_ENVIRONMENT, "merging into %s failed: %s", m->output,
                         canp_strerror(r));
    if (stop_is_requested() && !m->follow)
        return opts_fail(m->command, CANP_EXIT_ENVIRONMENT, "%s is incomplete: stopped", m->output);
    return CANP_EXIT_DONE;
}

static int open_and_merge(struct merge *m, char **paths, unsigned count)
{
    struct canp_reader *readers[CANP_MERGE_MAX];
    struct canp_merge *merged;
    struct canp_reader_opts opts = CANP_READER_OPTS_INIT;
    struct canp_why why;
    opts.stop = &stop_wish;
    stop_catch_signals();
    for (; m->input_count < count; m->input_count++) {
        if (canp_reader_open_opts(paths[m->input_count], &opts, &readers[m->input_count], &why) < 0)
            return opts_fail(m->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
        m->inputs[m->input_count].reader = readers[m->input_count];
    }
    int r = canp_merge_open(readers, count, NULL, &merged);
    if (r < 0)
        return opts_fail(m->command, CANP_EXIT_ENVIRONMENT, "%s", canp_strerror(r));
    if (m->follow)
        canp_merge_follow(merged, m->wait_ns);
    r = merge_into(m, merged);
    canp_merge_close(merged);
    return r;
}

static int tell(const struct merge *m)
{
    char count[TEXT_BYTES];
    printf("%s records of %u recording%s in %s\n", text_count(count, m->records), m->input_count,
           m->input_count == 1 ? "" : "s", SAFE(m->output));
    if (m->damaged)
        return opts_fail(m->command, CANP_EXIT_FINDING,
                         "%u damaged place%s left out; `canp verify` names them", m->damaged,
                         m->damaged == 1 ? "" : "s");
    return CANP_EXIT_DONE;
}

int canp_cmd_merge(int argc, char **argv)
{
    static struct merge m; /* large: names */
    m.command = argv[0];
    m.wait_ns = WAIT_NS;
    const struct opt options[] = {
        {'o', "output", OPT_TEXT, &m.output, "NEW", "directory of the new recording"},
        {0, "pack", OPT_FLAG, &m.pack, NULL, "pack it"},
        {0, "follow", OPT_FLAG, &m.follow, NULL, "go on as they grow, until all are closed; Ctrl-C ends it"},
        {0, "wait", OPT_DELAY, &m.wait_ns, "TIME",
         "--follow: wait so long for what a quiet one may still write (default 1s)"},
        {0},
    };
    const struct opt_spec spec = {
        argv[0], "RECORDING... -o NEW", "Copies recordings into a new one, by time.", options,
        "Interfaces of the same name are one in it, and their order stays where times are equal.\n"
        "One RECORDING alone: its interfaces' frames are put in order of time.\n"
        "Exit status 1: damaged places were left out.\n"};
    int n = opts_parse(&spec, argc, argv);
    if (n < 0)
        return OPTS_EXIT(n);
    if (n < 1 || n > CANP_MERGE_MAX || !m.output)
        return opts_fail(m.command, CANP_EXIT_USAGE,
                         "expected RECORDING... -o NEW; `canp merge --help` says more");
    m.inputs = calloc((size_t)n, sizeof(m.inputs[0]));
    int status = m.inputs ? open_and_merge(&m, argv + 1, (unsigned)n)
                          : opts_fail(m.command, CANP_EXIT_ENVIRONMENT, "out of memory");
    for (unsigned i = 0; m.inputs && i < m.input_count; i++)
        canp_reader_close(m.inputs[i].reader);
    free(m.inputs);
    return status == CANP_EXIT_DONE ? tell(&m) : status;
}
