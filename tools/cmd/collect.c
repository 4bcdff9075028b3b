/* canp collect: what vehicles ship, from a NATS JetStream server into recordings. Main thread. */
#include <canp/stream.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/commands.h"
#include "lib/manners.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "stream/link.h"

#define WAIT_NS UINT64_C(250000000)

static void print_end(const struct canp_block_store_stats *s, bool json)
{
    char a[TEXT_BYTES], b[TEXT_BYTES];
    if (json) {
        printf("{\"messages\":%llu,\"records\":%llu,\"frames\":%llu,\"bytes\":%llu,\"duplicates\":%llu,"
               "\"refused\":%llu,\"missing\":%llu,\"sealed\":%llu}\n",
               (unsigned long long)s->messages, (unsigned long long)s->records, (unsigned long long)s->frames,
               (unsigned long long)s->bytes, (unsigned long long)s->duplicates,
               (unsigned long long)s->refused, (unsigned long long)s->missing, (unsigned long long)s->sealed);
        return;
    }
    printf("%s frames in %s messages collected, %s segments completed\n", text_count(a, s->frames),
           text_count(b, s->messages), text_count((char[TEXT_BYTES]){0}, s->sealed));
    if (s->duplicates)
        printf("%s messages came more than once\n", text_count(a, s->duplicates));
    if (s->refused)
        printf("%s messages refused: damaged, foreign, or beyond a limit\n", text_count(a, s->refused));
    if (s->missing)
        printf("%s records are missing; gaps say where\n", text_count(a, s->missing));
}

/* An exit status. */
static int collect_all(struct canp_collect *collect, bool live)
{
    struct canp_why why;
    bool told = false;
    while (!stop_is_requested()) {
        int r = canp_collect_step(collect, WAIT_NS, &why);
        if (r < 0 && r != -EAGAIN)
            return opts_fail("collect", CANP_EXIT_ENVIRONMENT, "%s", why.text);
        if (r == -EAGAIN && !told)
            opts_fail("collect", 0, "%s; trying again", why.text);
        told = r == -EAGAIN || (told && r == 0);
        if (r == 0 && !live && canp_collect_is_level(collect)) {
            r = canp_collect_settle(collect, &why);
            return r < 0 ? opts_fail("collect", CANP_EXIT_ENVIRONMENT, "%s", why.text) : CANP_EXIT_DONE;
        }
    }
    return CANP_EXIT_DONE;
}

/* "2/4": the second of four. */
static bool read_share(const char *text, struct canp_collect_opts *opts)
{
    char *end;
    unsigned long one = strtoul(text, &end, 10);
    unsigned long all = *end == '/' ? strtoul(end + 1, &end, 10) : 0;
    if (*end || one < 1 || one > all || all > 1000)
        return false;
    opts->share = (uint32_t)one - 1;
    opts->shares = (uint32_t)all;
    return true;
}

int canp_cmd_collect(int argc, char **argv)
{
    struct canp_stream_opts link = CANP_STREAM_OPTS_INIT;
    struct canp_collect_opts opts = CANP_COLLECT_OPTS_INIT;
    struct canp_block_store_stats stats;
    const char *url = NULL, *share = NULL;
    uint64_t recordings = 0;
    bool live = false, json = false;
    const struct opt options[] = {
        {0, "from", OPT_TEXT, &url, "URL", "the server: nats://HOST:4222, several with commas"},
        {'o', "output", OPT_TEXT, &opts.dir, "DIR", "recordings go to DIR/VEHICLE/RECORDING"},
        {0, "vehicle", OPT_TEXT, &opts.vehicles, "GLOB", "of these vehicles alone"},
        {0, "live", OPT_FLAG, &live, NULL, "go on for ever; else it ends when it has all that there is"},
        {0, "name", OPT_TEXT, &opts.name, "NAME",
         "the server remembers by this name how far it is (default collect); another one for another GLOB"},
        {0, "share", OPT_TEXT, &share, "I/N",
         "of N collectors with this name, the I-th: its part of the vehicles"},
        {0, "max-bytes", OPT_SIZE, &opts.vehicle_bytes, "SIZE", "a vehicle may store so much"},
        {0, "max-recordings", OPT_COUNT, &recordings, "N", "and so many recordings (default 10000)"},
        LINK_OPTIONS(&link),
        {0, "json", OPT_FLAG, &json, NULL, "one JSON object at the end"},
        {0}};
    const struct opt_spec spec = {
        "collect", "--from URL -o DIR",
        "Makes recordings of what vehicles shipped to a NATS JetStream server: the same records,\n"
        "each once. What the stream does not have any more becomes a gap.",
        options, LINK_EPILOGUE};
    struct canp_stream *stream;
    struct canp_collect *collect;
    struct canp_why why;
    int n = opts_parse(&spec, argc, argv);
    if (n < 0)
        return OPTS_EXIT(n);
    if (n != 0 || !url || !opts.dir)
        return opts_fail("collect", CANP_EXIT_USAGE,
                         "expected --from nats://HOST -o DIR; `canp collect --help` says more");
    if (share && !read_share(share, &opts))
        return opts_fail("collect", CANP_EXIT_USAGE, "--share takes I/N, as 2/4 for the second of four");
    opts.vehicle_recordings = recordings > UINT32_MAX ? UINT32_MAX : (uint32_t)recordings;
    stop_catch_signals();
    int status = link_open("collect", url, &link, live, &stream);
    if (status)
        return status;
    int r = canp_collect_open(stream, &opts, &collect, &why);
    if (r < 0) {
        canp_stream_close(stream);
        return opts_fail("collect", link_status(r), "%s", why.text);
    }
    status = collect_all(collect, live);
    canp_collect_stats(collect, &stats);
    canp_collect_close(collect);
    canp_stream_close(stream);
    if (json || !manners.quiet)
        print_end(&stats, json);
    return status ? status : stats.refused || stats.missing ? CANP_EXIT_FINDING : CANP_EXIT_DONE;
}
