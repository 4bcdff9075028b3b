/* canp-stream: the commands that need libnats, so that canp itself need not link it. `canp ship` and the
 * others call it. Main thread. */
#include <string.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/program.h"

#include "fetch.h"

const char program_prefix[] = "canp ";

static int run(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "ship") == 0)
        return canp_cmd_ship(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "collect") == 0)
        return canp_cmd_collect(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "fleet") == 0)
        return canp_cmd_fleet(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "fetch") == 0)
        return fetch_run(argc - 1, argv + 1);
    return opts_fail("stream", CANP_EXIT_USAGE, "is called by canp ship, canp collect and canp fleet");
}

int main(int argc, char **argv)
{
    return program_main(argc, argv, run);
}
