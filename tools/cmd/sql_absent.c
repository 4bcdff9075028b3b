/* canp sql in a build without SQLite. */
#include "lib/commands.h"
#include "lib/opts.h"

int canp_cmd_sql(int argc, char **argv)
{
    (void)argc;
    return opts_fail(argv[0], CANP_EXIT_ENVIRONMENT,
                     "this canp was built without SQLite: install libsqlite3-dev and build it again");
}
