/*
 * canp ship, collect and fleet: handed to canp-stream, a program of its own, because it links libnats and
 * with it much that recording does not need. Where it is not installed the commands say so. Main thread.
 */
#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/remote.h"

static int run_stream(int argc, char **argv)
{
    remote_exec_stream(argc, argv);
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
