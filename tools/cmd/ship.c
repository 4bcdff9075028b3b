/* canp ship: recordings to a NATS JetStream server, as they grow. Main thread. */
#include <canp/pools/clock.h>
#include <canp/stream.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/commands.h"
#include "lib/manners.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "stream/link.h"
#include "stream/shipments.h"

#define WAIT_NS    UINT64_C(100000000)
#define GIVE_UP_NS UINT64_C(60000000000)

static void print_end(const struct shipments *all, bool json)
{
    const struct canp_ship_stats *s = &all->sums;
    char a[TEXT_BYTES], b[TEXT_BYTES];
    if (json) {
        printf("{\"recordings\":%u,\"messages\":%llu,\"frames\":%llu,\"bytes\":%llu,\"repeated\":%llu,"
               "\"removed\":%llu}\n",
               all->finished, (unsigned long long)s->messages, (unsigned long long)s->frames,
               (unsigned long long)s->bytes, (unsigned long long)s->repeated, (unsigned long long)s->removed);
        return;
    }
    printf("%s frames in %s messages shipped, %s", text_count(a, s->frames), text_count(b, s->messages),
           text_bytes((char[TEXT_BYTES]){0}, s->bytes));
    if (s->frames)
        printf(" (%.2f bytes/frame)", (double)s->bytes / (double)s->frames);
    putchar('\n');
    if (s->removed)
        printf("%s segments removed\n", text_count(a, s->removed));
}

/* Nothing was stored for so long. */
static bool is_hopeless(struct shipments *all, uint64_t give_up_ns, uint64_t *stored, uint64_t *since_ns)
{
    struct canp_ship_stats s;
    shipments_sum_up(all, &s);
    if (s.messages != *stored || !*since_ns)
        *since_ns = canp_monotonic_ns();
    *stored = s.messages;
    return give_up_ns && canp_monotonic_ns() - *since_ns > give_up_ns;
}

static int ship_all(struct shipments *all, struct canp_stream *stream, bool follow, uint64_t give_up_ns)
{
    uint64_t stored = 0, since_ns = 0;
    int status = 0;
    while (status == 0 && !stop_is_requested()) {
        int r = shipments_step(all, stream, WAIT_NS);
        if (r < 0)
            status = CANP_EXIT_ENVIRONMENT;
        else if (r == 0 && !follow && shipments_are_level(all))
            break;
        else if (r == 0 && is_hopeless(all, give_up_ns, &stored, &since_ns))
            status = opts_fail("ship", CANP_EXIT_ENVIRONMENT, "given up: nothing was stored for too long");
    }
    if (status == 0 && !follow && !shipments_are_level(all))
        status = opts_fail("ship", CANP_EXIT_ENVIRONMENT, "stopped before everything was shipped");
    return status ? status : all->failed ? CANP_EXIT_FINDING : CANP_EXIT_DONE;
}

static const char *host_name(char out[65])
{
    if (gethostname(out, 64) < 0)
        return NULL;
    out[64] = '\0';
    for (char *c = out; *c; c++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *c))
            *c = '_';
    }
    return out;
}

int canp_cmd_ship(int argc, char **argv)
{
    struct canp_stream_opts link = CANP_STREAM_OPTS_INIT;
    struct canp_ship_opts opts = CANP_SHIP_OPTS_INIT;
    const char *url = NULL, *vehicle = NULL;
    uint64_t window = 0, give_up_ns = 0;
    bool follow = false, json = false;
    char host[65];
    const struct opt options[] = {
        {0, "to", OPT_TEXT, &url, "URL", "the server: nats://HOST:4222, several with commas"},
        {0, "vehicle", OPT_TEXT, &vehicle, "NAME", "this vehicle (default: the host's name)"},
        {0, "follow", OPT_FLAG, &follow, NULL, "go on for ever: what is recorded next is shipped, too"},
        {0, "give-up", OPT_DURATION, &give_up_ns, "TIME",
         "end when nothing was stored for so long (default 1m; with --follow never)"},
        {0, "rate-limit", OPT_SIZE, &link.rate, "SIZE", "send so many bytes a second at most"},
        {0, "linger", OPT_DURATION, &opts.linger_ns, "TIME",
         "wait so long for more records, which pack better together (default 1s)"},
        {0, "window", OPT_COUNT, &window, "N", "messages on the way at a time (default 64)"},
        {0, "delete-when-safe", OPT_FLAG, &opts.delete_when_safe, NULL,
         "remove segments that the stream has stored"},
        LINK_OPTIONS(&link),
        {0, "json", OPT_FLAG, &json, NULL, "one JSON object at the end"},
        {0}};
    const struct opt_spec spec = {
        "ship", "RECORDING|DIR... --to URL",
        "Ships recordings to a NATS JetStream server, each record once, and goes on where the\n"
        "server says that it is. Of a DIR, all recordings in it.",
        options, LINK_EPILOGUE};
    struct canp_stream *stream;
    struct shipments all = {.command = "ship"};
    int n = opts_parse(&spec, argc, argv);
    if (n < 0)
        return OPTS_EXIT(n);
    if (n < 1 || !url)
        return opts_fail("ship", CANP_EXIT_USAGE,
                         "expected RECORDING... --to nats://HOST; `canp ship --help` says more");
    opts.vehicle = vehicle ? vehicle : host_name(host);
    opts.window = window > 4096 ? 4096 : (uint32_t)window;
    if (!opts.vehicle || !canp_block_vehicle_is_valid(opts.vehicle))
        return opts_fail("ship", CANP_EXIT_USAGE, "a vehicle's name has 1 to 64 letters, digits, - and _");
    link.inbox = opts.vehicle;
    stop_catch_signals();
    int status = link_open("ship", url, &link, follow, &stream);
    if (status)
        return status;
    status = shipments_open(&all, argv + 1, (unsigned)n, &opts, follow);
    if (status == 0)
        status = ship_all(&all, stream, follow, give_up_ns || follow ? give_up_ns : GIVE_UP_NS);
    shipments_close(&all);
    canp_stream_close(stream);
    if (json || !manners.quiet)
        print_end(&all, json);
    return status;
}
