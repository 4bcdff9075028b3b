/* canp dump: not yet. */
#include <canp/error.h>

#include "commands.h"
#include "opts.h"

int canp_cmd_dump(int argc, char **argv)
{
    (void)argc;
    return opts_fail(argv[0], CANP_EXIT_ENVIRONMENT, "%s", canp_strerror(38));
}
