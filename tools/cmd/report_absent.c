/* canp report where the chart library was not there when canp was built. */
#include "lib/commands.h"
#include "lib/opts.h"

int canp_cmd_report(int argc, char **argv)
{
    (void)argc;
    return opts_fail(argv[0], CANP_EXIT_ENVIRONMENT,
                     "this canp was built without charts: install libjs-dygraphs and build it again");
}
