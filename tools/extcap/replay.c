/*
 * Gives a recording or a log to Wireshark, from its beginning to its end, or on as it grows. Main thread. It
 * waits for Wireshark: nothing is lost, as it only reads.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "extcap/extcap.h"
#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "logs/log_open.h"
#include "logs/select.h"

#define POLL_NS 20000000 /* a growing recording is looked at so often */

static bool is_stopped(void *user)
{
    (void)user;
    return stop_is_requested();
}

/* All there is now. 1: Wireshark has gone or a signal came; 0; or a negative error. */
static int copy(struct canp_log_reader *reader, struct canp_log_writer *writer, struct canp_why *why)
{
    struct canp_log_copy_opts opts = CANP_LOG_COPY_OPTS_INIT;
    opts.is_stopped = is_stopped;
    int r = canp_log_copy(reader, writer, &opts, NULL, why);
    int flushed = canp_log_flush(writer);
    if (r == 0 && flushed < 0)
        r = canp_fail(why, flushed, "%s", canp_strerror(flushed));
    return r == -EPIPE || (is_stop_error(r) && stop_is_requested()) ? 1 : r;
}

static int follow(struct canp_log_reader *reader, struct canp_log_writer *writer, struct canp_why *why)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    for (;;) {
        bool is_live = canp_log_is_live(reader); /* before the last look, so that nothing is missed */
        int r = canp_log_refresh(reader);
        if (r >= 0)
            r = copy(reader, writer, why);
        else
            canp_fail(why, r, "%s", canp_strerror(r));
        if (r != 0 || !is_live)
            return r;
        nanosleep(&pause, NULL);
    }
}

/* A segment chosen in a dialog stands for its recording: "DIR/00000001.canp" -> "DIR". */
static void take_recording_of(char *path)
{
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    bool is_segment = strspn(name, "0123456789") == 8 && strcmp(name + 8, ".canp") == 0;
    if (slash && is_segment)
        *(slash == path ? slash + 1 : slash) = '\0';
    else if (is_segment)
        memcpy(path, ".", 2);
}

/* 0 or an exit status. */
static int choose(struct selection *selection, const struct extcap_asked *asked, char *filter)
{
    char *rest = NULL;
    selection->from = asked->from && asked->from[0] ? asked->from : NULL;
    selection->to = asked->to && asked->to[0] ? asked->to : NULL;
    for (char *word = strtok_r(filter, ", ", &rest); word; word = strtok_r(NULL, ", ", &rest)) {
        int status = select_add(selection, "extcap", word);
        if (status)
            return status;
    }
    return 0;
}

static int replay(const struct extcap_asked *asked, struct canp_log_reader *reader)
{
    struct canp_log_writer *writer;
    struct canp_why why;
    struct canp_log_write_opts opts = CANP_LOG_WRITE_OPTS_INIT;
    int r = canp_log_writer_open(asked->fifo, "pcapng", &opts, &writer, &why);
    if (r < 0)
        return opts_fail("extcap", CANP_EXIT_ENVIRONMENT, "%s", why.text);
    r = asked->follow ? follow(reader, writer, &why) : copy(reader, writer, &why);
    if (r == 0)
        r = canp_log_finish(writer, &why);
    else
        canp_log_abandon(writer);
    return r < 0 && r != -EPIPE ? opts_fail("extcap", CANP_EXIT_ENVIRONMENT, "%s", why.text) : CANP_EXIT_DONE;
}

int extcap_replay(const struct extcap_asked *asked)
{
    static struct selection selection; /* large: the filters */
    struct canp_log_reader *reader = NULL;
    if (!asked->file || !asked->file[0])
        return opts_fail("extcap", CANP_EXIT_USAGE,
                         "which recording? Choose it in the interface's options (--file)");
    char *path = strdup(asked->file), *filter = strdup(asked->filter);
    signal(SIGPIPE, SIG_IGN);
    int status = path && filter ? choose(&selection, asked, filter) : CANP_EXIT_ENVIRONMENT;
    if (status == 0) {
        take_recording_of(path);
        status = log_open("extcap", path, NULL, &reader);
    }
    if (status == 0)
        status = select_log(&selection, "extcap", reader);
    if (status == 0)
        status = replay(asked, reader);
    canp_log_close(reader);
    free(filter);
    free(path);
    return status;
}
