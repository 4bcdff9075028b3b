/* canp repair: copies all intact records into a new recording; each damaged place becomes a gap. Main thread.
 */
#include <canp/log.h>
#include <canp/reader.h>

#include <errno.h>
#include <stdio.h>

#include "lib/commands.h"
#include "lib/manners.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "logs/damage.h"
#include "logs/log_open.h"

struct repair {
    const char *output;
    unsigned places;
    uint64_t records;
};

static void on_damage(void *user, const struct canp_damage *damage)
{
    damage_print(stderr, damage);
    ((struct repair *)user)->places++;
}

static bool is_stopped(void *user)
{
    (void)user;
    return stop_is_requested();
}

static int repair_into(struct canp_log_reader *reader, struct repair *repair)
{
    struct canp_log_copy_opts opts = {.size = sizeof(opts), .is_stopped = is_stopped};
    struct canp_log_copy_result result;
    struct canp_log_writer *writer;
    struct canp_why why, at_end;
    if (canp_log_writer_open(repair->output, "canp", NULL, &writer, &why) < 0)
        return opts_fail("repair", CANP_EXIT_ENVIRONMENT, "%s", why.text);
    int r = canp_log_copy(reader, writer, &opts, &result, &why);
    repair->records = result.records;
    int finished = canp_log_finish(writer, &at_end); /* what was copied before an error is kept */
    if (is_stop_error(r) && stop_is_requested())
        return opts_fail("repair", CANP_EXIT_ENVIRONMENT, "%s is incomplete: stopped", repair->output);
    if (r < 0 || finished < 0)
        return opts_fail("repair", CANP_EXIT_ENVIRONMENT, "copying into %s failed: %s", repair->output,
                         r < 0 ? why.text : at_end.text);
    return CANP_EXIT_DONE;
}

int canp_cmd_repair(int argc, char **argv)
{
    struct repair repair = {0};
    const struct opt options[] = {
        {'o', "output", OPT_TEXT, &repair.output, "NEW", "directory of the new recording"}, {0}};
    const struct opt_spec spec = {
        "repair", "RECORDING -o NEW",
        "Copies all that is intact into a new recording; damaged places become gaps.", options, NULL};
    struct canp_log_read_opts how = {.size = sizeof(how), .format = "canp", .damage_as_gaps = true};
    struct canp_log_reader *reader;
    char count[TEXT_BYTES];
    int n = opts_parse(&spec, argc, argv);
    if (n < 0)
        return OPTS_EXIT(n);
    if (n != 1 || !repair.output)
        return opts_fail("repair", CANP_EXIT_USAGE,
                         "expected RECORDING -o NEW; `canp repair --help` says more");
    how.on_damage = on_damage;
    how.user = &repair;
    int status = log_open("repair", argv[1], &how, &reader);
    if (status)
        return status;
    status = repair_into(reader, &repair);
    canp_log_close(reader);
    if (status == CANP_EXIT_DONE && !manners.quiet)
        printf("%s records copied into %s; %u damaged places became gaps\n",
               text_count(count, repair.records), SAFE(repair.output), repair.places);
    return status;
}
