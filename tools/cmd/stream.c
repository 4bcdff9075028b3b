/*
 * canp ship, collect and fleet: handed to canp-stream, a program of its own, because it links libnats and
 * with it much that recording does not need. Where it is not installed the commands say so. Main thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/commands.h"
#include "lib/opts.h"

#define PATH_BYTES 4096
#ifndef CANP_STREAM_FROM_BIN /* fuzzed, with canp's other commands */
#define CANP_STREAM_FROM_BIN "canp-stream"
#endif

/* Beside this program in a build tree, else where it is installed. Does not return when it is there. */
static void hand_over(int argc, char **argv)
{
    static const char *const places[] = {"canp-stream", CANP_STREAM_FROM_BIN};
    char self[PATH_BYTES], path[PATH_BYTES + 64];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash = n > 0 ? memrchr(self, '/', (size_t)n) : NULL;
    char **args = calloc((size_t)argc + 2, sizeof(*args)); /* it ends with the process */
    if (!slash || !args)
        return;
    slash[1] = '\0';
    args[0] = path;
    memcpy(args + 1, argv, (size_t)argc * sizeof(*argv));
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", self, places[i]);
        execv(path, args);
    }
}

static int run_stream(int argc, char **argv)
{
    hand_over(argc, argv);
    return opts_fail(
        argv[0], CANP_EXIT_ENVIRONMENT,
        "canp-stream, which speaks to NATS, is not there: install the package canp-stream, or build canp "
        "with libnats-dev");
}

int canp_cmd_ship(int argc, char **argv)
{
    return run_stream(argc, argv);
}

int canp_cmd_collect(int argc, char **argv)
{
    return run_stream(argc, argv);
}

int canp_cmd_fleet(int argc, char **argv)
{
    return run_stream(argc, argv);
}
