/* canp pack: packs the sealed segments of a recording in place, or unpacks them to plain rows. Main thread.
 */
#include <canp/repack.h>

#include <stdio.h>

#include "lib/commands.h"
#include "lib/jobs.h"
#include "lib/manners.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "logs/leftovers.h"
#include "logs/log_open.h"

static void print_json(const struct canp_repack_stats *s)
{
    printf("{\"segments\":%llu,\"changed\":%llu,\"unsealed\":%llu,\"damaged\":%llu,\"frames\":%llu,\"bytes_"
           "before\":%llu,"
           "\"bytes_after\":%llu}\n",
           (unsigned long long)s->segments, (unsigned long long)s->changed, (unsigned long long)s->unsealed,
           (unsigned long long)s->damaged, (unsigned long long)s->frames, (unsigned long long)s->bytes_before,
           (unsigned long long)s->bytes_after);
}

static void print_text(const struct canp_repack_stats *s, bool unpack)
{
    char a[TEXT_BYTES], b[TEXT_BYTES];
    printf("%s %llu of %llu segments", unpack ? "unpacked" : "packed", (unsigned long long)s->changed,
           (unsigned long long)s->segments);
    if (s->changed)
        printf(": %s -> %s", text_bytes(a, s->bytes_before), text_bytes(b, s->bytes_after));
    if (s->frames)
        printf(" (%.2f -> %.2f bytes/frame)", (double)s->bytes_before / (double)s->frames,
               (double)s->bytes_after / (double)s->frames);
    putchar('\n');
    if (s->unsealed)
        printf("%llu left alone: not sealed (being written, or the recorder was killed)\n",
               (unsigned long long)s->unsealed);
    if (s->damaged)
        printf("%llu left alone: damaged; `canp verify` names the places\n", (unsigned long long)s->damaged);
}

int canp_cmd_pack(int argc, char **argv)
{
    bool unpack = false, archive = false, json = false;
    uint64_t jobs = 0;
    const struct opt options[] = {
        {0, "unpack", OPT_FLAG, &unpack, NULL, "store plain rows again"},
        {0, "archive", OPT_FLAG, &archive, NULL, "smaller by some per cent, several times slower to pack"},
        {'j', "jobs", OPT_COUNT, &jobs, "N", "work on so many segments at a time (all processors)"},
        {0, "json", OPT_FLAG, &json, NULL, "one JSON object instead of text"},
        {0},
    };
    const struct opt_spec spec = {
        "pack", "RECORDING",
        "Packs the sealed segments of a recording in place: the same records, in a fraction of the\n"
        "space. Crash-safe; readers are not disturbed.",
        options, NULL};
    struct canp_repack_opts opts = CANP_REPACK_OPTS_INIT;
    struct canp_repack_stats stats;
    struct canp_why why;
    int n = opts_parse(&spec, argc, argv);
    if (n < 0)
        return OPTS_EXIT(n);
    if (n != 1)
        return opts_fail("pack", CANP_EXIT_USAGE, "expected one RECORDING; `canp pack --help` says more");
    stop_catch_signals();
    opts.stop = &stop_wish;
    opts.unpack = unpack;
    opts.jobs = jobs_of(jobs);
    opts.level = archive ? CANP_PACK_ARCHIVE : CANP_PACK_FAST;
    int r = canp_repack(argv[1], &opts, &stats, &why);
    if (r < 0)
        return log_open_fail("pack", r, &why);
    leftovers_tell("pack", argv[1], true);
    if (json)
        print_json(&stats);
    else if (!manners.quiet)
        print_text(&stats, unpack);
    return stats.damaged ? CANP_EXIT_FINDING : CANP_EXIT_DONE;
}
