/* One recording into a directory (fetch.h). */
#include "fetch.h"

#include <canp/stream.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "link.h"

#define WAIT_NS UINT64_C(100000000)

/* Cuts "nats://HOST/VEHICLE/RECORDING" into its parts. */
static bool cut(char *url, char **vehicle, char **recording)
{
    char *host = strstr(url, "://"), *first = host ? strchr(host + 3, '/') : NULL;
    char *second = first ? strchr(first + 1, '/') : NULL;
    if (!second)
        return false;
    *first = *second = '\0';
    *vehicle = first + 1;
    *recording = second + 1;
    return true;
}

static int fetch(struct canp_collect *collect, const char *path, bool live)
{
    struct canp_block_store_stats stats;
    struct canp_why why;
    bool told = false;
    while (!stop_is_requested()) {
        int r = canp_collect_step(collect, WAIT_NS, &why);
        if (r < 0)
            return opts_fail("fetch", CANP_EXIT_ENVIRONMENT, "%s", why.text);
        if (r > 0 || told || !canp_collect_is_level(collect))
            continue;
        if (canp_collect_settle(collect, &why) < 0)
            return opts_fail("fetch", CANP_EXIT_ENVIRONMENT, "%s", why.text);
        canp_collect_stats(collect, &stats);
        if (stats.records == 0)
            return opts_fail("fetch", CANP_EXIT_ENVIRONMENT, "the server has no such recording");
        printf("%s\n", path /* trusted: a directory of our own */);
        fflush(stdout);
        told = true;
        if (!live)
            return CANP_EXIT_DONE;
    }
    return CANP_EXIT_DONE;
}

int fetch_run(int argc, char **argv)
{
    struct canp_stream_opts link = CANP_STREAM_OPTS_INIT;
    struct canp_collect_opts opts = CANP_COLLECT_OPTS_INIT;
    struct canp_stream *stream;
    struct canp_collect *collect;
    struct canp_why why;
    char *vehicle, *recording, path[4096];
    if (argc < 3 || !cut(argv[1], &vehicle, &recording))
        return opts_fail("fetch", CANP_EXIT_USAGE,
                         "a recording on a server is nats://HOST/VEHICLE/RECORDING");
    snprintf(path, sizeof(path), "%s/%s/%s", argv[2], vehicle, recording);
    opts.dir = argv[2];
    opts.vehicles = vehicle;
    opts.recording = recording;
    opts.temporary = true;
    stop_catch_signals();
    int status = link_open("fetch", argv[1], &link, false, &stream);
    if (status)
        return status;
    int r = canp_collect_open(stream, &opts, &collect, &why);
    if (r < 0) {
        canp_stream_close(stream);
        return opts_fail("fetch", link_status(r), "%s", why.text);
    }
    status = fetch(collect, path, argc > 3);
    canp_collect_close(collect);
    canp_stream_close(stream);
    return status;
}
