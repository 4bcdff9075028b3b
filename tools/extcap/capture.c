/*
 * Captures CAN interfaces for Wireshark: canp's recorder, whose recording is streamed to the FIFO. So
 * Wireshark gets the recorder's counts of what was lost, and when it is slow or stops reading, the recording
 * goes on. Main thread, which becomes the capture thread.
 *
 * Wireshark shows whatever is on stderr as an error when the capture ends: nothing is said that is none.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <canp/link.h>
#include <canp/recorder.h>

#include "extcap/extcap.h"
#include "lib/commands.h"
#include "lib/opts.h"
#include "tee/scratch.h"
#include "tee/streams.h"

static struct canp_recorder *running; /* for the signal handler and a stream's thread */

static void on_signal(int number)
{
    (void)number;
    canp_recorder_stop(running);
}

/* Wireshark has stopped, or gone. */
static void on_gone(const char *path)
{
    (void)path;
    canp_recorder_stop(running);
}

static void catch_signals(const sigset_t *caught)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    sigprocmask(SIG_UNBLOCK, caught, NULL);
}

/* One that comes while the recorder is opened waits. */
static void hold_signals(sigset_t *caught)
{
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(caught);
    sigaddset(caught, SIGINT);
    sigaddset(caught, SIGTERM);
    sigaddset(caught, SIGHUP);
    sigprocmask(SIG_BLOCK, caught, NULL);
}

static int fail(int error, const struct canp_why *why)
{
    return opts_fail("extcap", error == -EINVAL ? CANP_EXIT_USAGE : CANP_EXIT_ENVIRONMENT, "%s", why->text);
}

/* "can0" or "can0,FILTER", as the recorder takes it. A name that looks like something else is marked as a
 * name, and then has no place for filters. 0 or an exit status. */
static int spell_iface(const struct extcap_asked *asked, char *out, size_t size)
{
    char name[CANP_IFACE_NAME_BYTES * 8] = "any";
    bool is_any = strcmp(asked->iface, EXTCAP_ANY) == 0;
    bool has_filter = asked->filter[0] != '\0';
    if (!is_any && !extcap_name(asked->iface, name, sizeof(name)))
        return opts_fail("extcap", CANP_EXIT_USAGE, "no interface '%s': --extcap-interfaces lists them",
                         asked->iface);
    bool is_odd = !is_any && (strcmp(name, "any") == 0 || name[0] == '@' || strchr(name, ',') != NULL);
    if (is_odd && has_filter)
        return opts_fail("extcap", CANP_EXIT_USAGE, "an interface named '%s' cannot be filtered", name);
    int bytes =
        snprintf(out, size, "%s%s%s%s", is_odd ? "@" : "", name, has_filter ? "," : "", asked->filter);
    if (bytes < 0 || (size_t)bytes >= size)
        return opts_fail("extcap", CANP_EXIT_USAGE, "the filter is too long");
    return 0;
}

static int bring_up(const struct extcap_asked *asked)
{
    char name[CANP_IFACE_NAME_BYTES * 8];
    struct canp_why why;
    if (!asked->bitrate)
        return asked->dbitrate
                   ? opts_fail("extcap", CANP_EXIT_USAGE, "a bit rate of data needs a bit rate, too")
                   : 0;
    if (asked->bitrate > UINT32_MAX || asked->dbitrate > UINT32_MAX)
        return opts_fail("extcap", CANP_EXIT_USAGE, "a bit rate is a number of bit/s, such as 500000");
    if (!extcap_name(asked->iface, name, sizeof(name)))
        return opts_fail("extcap", CANP_EXIT_USAGE, "a bit rate is for one interface, not for all");
    int r = canp_link_up(name, (uint32_t)asked->bitrate, (uint32_t)asked->dbitrate, &why);
    return r < 0 ? fail(r, &why) : 0;
}

static int run(struct canp_recorder_opts *opts, const char *fifo)
{
    struct canp_why why;
    sigset_t caught;
    hold_signals(&caught);
    int status = streams_add("extcap", "pcapng", fifo);
    if (status)
        return status;
    opts->stored = streams_wake;
    opts->flush_ns = STREAM_FLUSH_NS;
    int r = canp_recorder_open(opts, &running, &why);
    if (r < 0) {
        streams_stop();
        return fail(r, &why);
    }
    catch_signals(&caught);
    status = streams_start(opts->dir, on_gone);
    if (status)
        canp_recorder_stop(running);
    r = canp_recorder_run(running, &why);
    int ended = streams_stop();
    status = status ? status : ended;
    return r < 0 ? fail(r, &why) : status; /* running stays: a signal may still come */
}

int extcap_capture(const struct extcap_asked *asked)
{
    char text[4096];
    const char *iface = text;
    struct canp_recorder_opts opts = CANP_RECORDER_OPTS_INIT;
    int status = spell_iface(asked, text, sizeof(text));
    if (status == 0)
        status = bring_up(asked);
    if (status)
        return status;
    opts.ifaces = &iface;
    opts.iface_count = 1;
    opts.no_error_frames = asked->no_error_frames;
    opts.dir = asked->record ? asked->record : scratch_make();
    opts.no_sync = !asked->record;
    opts.keep_bytes = asked->record ? 0 : SCRATCH_KEEP_BYTES;
    if (!opts.dir)
        return opts_fail("extcap", CANP_EXIT_ENVIRONMENT,
                         "no directory can be made: %s; choose one by $TMPDIR", canp_strerror(-errno));
    status = run(&opts, asked->fifo);
    scratch_remove();
    return status;
}
