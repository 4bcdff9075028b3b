/*
 * canp merge: merges several logs by time into a new recording. Interfaces of the same name become one.
 *
 * Inputs are recordings, or logs in any format that can be read; only recordings can be followed. Main
 * thread.
 */
#include <canp/log.h>
#include <canp/merge.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/commands.h"
#include "lib/manners.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "logs/log_open.h"
#include "logs/log_report.h"

#define POLL_NS 100000000 /* --follow looks for more so often: a block each time there is */
#define WAIT_NS 1000000000

struct merge {
    const char *command;
    const char *output;
    bool pack;
    bool follow;
    uint64_t wait_ns;
    char **paths;
    unsigned input_count;
    struct canp_log_reader **inputs;
    struct canp_log_reader *merged;
    struct canp_log_writer *writer;
    uint64_t records;
};

static bool is_stopped(void *user)
{
    (void)user;
    return stop_is_requested();
}

/* All there is now. 0 or a negative error. */
static int copy_on(struct merge *m, struct canp_why *why)
{
    struct canp_log_copy_opts opts = {.size = sizeof(opts), .is_stopped = is_stopped};
    struct canp_log_copy_result result;
    int r = canp_log_copy(m->merged, m->writer, &opts, &result, why);
    m->records += result.records;
    return is_stop_error(r) && stop_is_requested() ? 0 : r;
}

/* What is there is committed each time, so that others can follow the new recording. */
static int copy_as_they_grow(struct merge *m, struct canp_why *why)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    int r;
    while (!stop_is_requested() && (r = canp_log_refresh(m->merged)) != 0) {
        uint64_t before = m->records;
        if (r < 0 && stop_is_requested())
            break;
        if (r < 0)
            return canp_fail(why, r, "%s", canp_strerror(r));
        r = copy_on(m, why);
        if (r < 0)
            return r;
        if (m->records > before && (r = canp_log_flush(m->writer)) < 0)
            return canp_fail(why, r, "%s", canp_strerror(r));
        nanosleep(&pause, NULL);
    }
    return 0;
}

/* What was copied before an error is kept. */
static int merge_into(struct merge *m)
{
    struct canp_log_write_opts opts = {.size = sizeof(opts), .style = m->pack ? CANP_LOG_PACK : 0};
    struct canp_why why, at_end;
    if (canp_log_writer_open(m->output, "canp", &opts, &m->writer, &why) < 0)
        return opts_fail(m->command, CANP_EXIT_ENVIRONMENT, "%s", why.text);
    int r = m->follow ? copy_as_they_grow(m, &why) : copy_on(m, &why);
    int finished = canp_log_finish(m->writer, &at_end);
    if (r < 0 || finished < 0)
        return opts_fail(m->command, CANP_EXIT_ENVIRONMENT, "merging into %s failed: %s", m->output,
                         r < 0 ? why.text : at_end.text);
    if (stop_is_requested() && !m->follow)
        return opts_fail(m->command, CANP_EXIT_ENVIRONMENT, "%s is incomplete: stopped", m->output);
    return CANP_EXIT_DONE;
}

/* Recordings tell their damage through the merged reader, other logs by themselves. */
static int tell(const struct merge *m)
{
    char count[TEXT_BYTES];
    int status = CANP_EXIT_DONE;
    unsigned long long damaged = canp_log_reader_stats(m->merged)->bad;
    if (!manners.quiet)
        printf("%s records of %u recording%s in %s\n", text_count(count, m->records), m->input_count,
               m->input_count == 1 ? "" : "s", SAFE(m->output));
    if (damaged)
        status = opts_fail(m->command, CANP_EXIT_FINDING,
                           "%llu damaged place%s left out; `canp verify` names them", damaged,
                           damaged == 1 ? "" : "s");
    for (unsigned i = 0; i < m->input_count; i++) {
        if (log_report_bad(m->command, m->paths[i], m->inputs[i]))
            status = CANP_EXIT_FINDING;
        if (m->follow && !stop_is_requested() && log_report_abandoned(m->command, m->paths[i], m->inputs[i]))
            status = CANP_EXIT_FINDING;
    }
    return status;
}

static int merge_inputs(struct merge *m)
{
    struct canp_log_merge_opts opts = {.size = sizeof(opts), .follow = m->follow, .wait_ns = m->wait_ns};
    struct canp_why why;
    int r = canp_log_merge_open(m->inputs, m->input_count, &opts, &m->merged, &why);
    if (r == -EINVAL)
        return opts_fail(m->command, CANP_EXIT_USAGE, "%s", why.text);
    if (r < 0)
        return log_open_fail(m->command, r, &why);
    int status = merge_into(m);
    if (status == CANP_EXIT_DONE)
        status = tell(m);
    canp_log_close(m->merged);
    return status;
}

static int open_and_merge(struct merge *m, unsigned count)
{
    for (; m->input_count < count; m->input_count++) {
        int status = log_open(m->command, m->paths[m->input_count], NULL, &m->inputs[m->input_count]);
        if (status)
            return status;
    }
    return merge_inputs(m);
}

int canp_cmd_merge(int argc, char **argv)
{
    struct merge m = {.command = argv[0], .wait_ns = WAIT_NS};
    const struct opt options[] = {
        {'o', "output", OPT_TEXT, &m.output, "NEW", "directory of the new recording"},
        {0, "pack", OPT_FLAG, &m.pack, NULL, "pack it"},
        {0, "follow", OPT_FLAG, &m.follow, NULL, "go on as they grow, until all recorders ended, or Ctrl-C"},
        {0, "wait", OPT_DELAY, &m.wait_ns, "TIME",
         "--follow: wait so long for what a quiet one may still write (default 1s)"},
        {0},
    };
    const struct opt_spec spec = {
        argv[0], "RECORDING... -o NEW", "Copies recordings or logs into a new recording, by time.", options,
        "RECORDING: a recording, or a log in any format that canp convert reads.\n"
        "Interfaces of the same name are one in it, and their order stays where times are equal.\n"
        "One RECORDING alone: its interfaces' frames are put in order of time.\n"
        "Exit status 1: damaged places were left out.\n"};
    int n = opts_parse(&spec, argc, argv);
    if (n < 0)
        return OPTS_EXIT(n);
    if (n < 1 || n > CANP_MERGE_MAX || !m.output)
        return opts_fail(m.command, CANP_EXIT_USAGE,
                         "expected RECORDING... -o NEW; `canp merge --help` says more");
    m.paths = argv + 1;
    m.inputs = calloc((size_t)n, sizeof(m.inputs[0]));
    int status = m.inputs ? open_and_merge(&m, (unsigned)n)
                          : opts_fail(m.command, CANP_EXIT_ENVIRONMENT, "out of memory");
    for (unsigned i = 0; m.inputs && i < m.input_count; i++)
        canp_log_close(m.inputs[i]);
    free(m.inputs);
    return status;
}
