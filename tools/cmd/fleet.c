/* canp fleet: what each vehicle last said of itself, as a table; and making the stream. Main thread. */
#include <canp/pools/clock.h>
#include <canp/stream.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "stream/link.h"

struct table {
    bool json;
    int64_t now_ns;
};

/* The number behind "KEY": in a flat object; `otherwise` where there is none. Vehicles' words: bounded, not
 * trusted. */
static long long number_of(const char *json, const char *key, long long otherwise)
{
    char name[40];
    snprintf(name, sizeof(name), "\"%s\":", key);
    const char *at = strstr(json, name);
    return at ? strtoll(at + strlen(name), NULL, 10) : otherwise;
}

static void print_row(const struct table *t, const char *vehicle, const char *json, int64_t time_ns)
{
    char seen[TEXT_BYTES], last[TEXT_BYTES] = "-", frames[TEXT_BYTES], bytes[TEXT_BYTES], room[TEXT_BYTES];
    long long last_ns = number_of(json, "last_ns", 0);
    if (last_ns)
        text_time(last, last_ns);
    last[19] = '\0'; /* to the second */
    printf("%-20s %-14s %-19s %15s %12s %12s %6lld  %s\n", SAFE_WORD(vehicle),
           text_duration(seen, t->now_ns - time_ns), last,
           text_count(frames, (uint64_t)number_of(json, "frames", 0)),
           text_bytes(bytes, (uint64_t)number_of(json, "bytes", 0)),
           text_bytes(room, (uint64_t)number_of(json, "disk_free", 0)), number_of(json, "recordings", 0),
           strstr(json, "\"state\":\"waits\"") ? "waits" : "ships");
}

static void each(void *user, const char *vehicle, const char *json, size_t bytes, int64_t time_ns)
{
    const struct table *t = user;
    char words[1024];
    snprintf(words, sizeof(words), "%.*s", (int)(bytes < sizeof(words) ? bytes : sizeof(words) - 1), json);
    if (!t->json) {
        print_row(t, vehicle, words, time_ns);
        return;
    }
    printf("{\"vehicle\":");
    text_json_string(stdout, vehicle);
    printf(",\"time_ns\":%lld,\"last_ns\":%lld,\"frames\":%lld,\"bytes\":%lld,\"disk_free\":%lld,"
           "\"recordings\":%lld,\"state\":\"%s\"}\n",
           (long long)time_ns, number_of(words, "last_ns", 0), number_of(words, "frames", 0),
           number_of(words, "bytes", 0), number_of(words, "disk_free", 0), number_of(words, "recordings", 0),
           strstr(words, "\"state\":\"waits\"") ? "waits" : "ships");
}

static int print_table(struct canp_stream *stream, bool json)
{
    struct table t = {.json = json, .now_ns = canp_realtime_ns()};
    struct canp_why why;
    if (!json)
        printf("%-20s %-14s %-19s %15s %12s %12s %6s  %s\n", "VEHICLE", "HEARD AGO", "LAST FRAME SHIPPED",
               "FRAMES", "BYTES", "DISK FREE", "LEFT", "STATE");
    int r = canp_stream_fleet(stream, each, &t, &why);
    if (r == -ENOENT)
        return opts_fail("fleet", CANP_EXIT_ENVIRONMENT, "%s; `canp fleet URL --create` makes it", why.text);
    return r < 0 ? opts_fail("fleet", link_status(r), "%s", why.text) : CANP_EXIT_DONE;
}

static void each_recording(void *user, const char *vehicle, const char *recording, uint64_t messages)
{
    const struct table *t = user;
    if (t->json)
        printf("{\"vehicle\":\"%s\",\"recording\":\"%s\",\"messages\":%llu}\n", vehicle, recording,
               (unsigned long long)messages); /* trusted: letters and digits, as the library made sure */
    else
        printf("%s/%s %llu\n", vehicle, recording, (unsigned long long)messages); /* trusted likewise */
}

static int print_recordings(struct canp_stream *stream, bool json)
{
    struct table t = {.json = json};
    struct canp_why why;
    int r = canp_stream_recordings(stream, each_recording, &t, &why);
    return r < 0 ? opts_fail("fleet", link_status(r), "%s", why.text) : CANP_EXIT_DONE;
}

int canp_cmd_fleet(int argc, char **argv)
{
    struct canp_stream_opts link = CANP_STREAM_OPTS_INIT;
    struct canp_stream_create_opts opts = CANP_STREAM_CREATE_OPTS_INIT;
    uint64_t replicas = 0;
    bool create = false, recordings = false, json = false;
    const struct opt options[] = {
        {0, "create", OPT_FLAG, &create, NULL, "make the stream and the table, where they are missing"},
        {0, "recordings", OPT_FLAG, &recordings, NULL,
         "instead: VEHICLE/RECORDING of all in the stream, and how many messages"},
        {0, "replicas", OPT_COUNT, &replicas, "N",
         "with --create: servers that hold each message (default 1)"},
        {0, "max-bytes", OPT_SIZE, &opts.bytes_max, "SIZE", "with --create: the stream's size at most"},
        {0, "max-age", OPT_DURATION, &opts.age_ns, "TIME", "with --create: messages go after so long"},
        {0, "discard-old", OPT_FLAG, &opts.discard_old, NULL,
         "with --create: a full stream removes its oldest messages; else it refuses new ones, which\n"
         "then stay in the vehicles"},
        LINK_OPTIONS(&link),
        {0, "json", OPT_FLAG, &json, NULL, "an object for each vehicle"},
        {0}};
    const struct opt_spec spec = {
        "fleet", "URL", "Shows what each vehicle last said of itself: when, what it shipped, its disk.",
        options, LINK_EPILOGUE};
    struct canp_stream *stream;
    struct canp_why why;
    int n = opts_parse(&spec, argc, argv);
    if (n < 0)
        return OPTS_EXIT(n);
    if (n != 1)
        return opts_fail("fleet", CANP_EXIT_USAGE, "expected one URL; `canp fleet --help` says more");
    if (replicas > 5)
        return opts_fail("fleet", CANP_EXIT_USAGE, "a stream has 1 to 5 replicas");
    opts.replicas = (uint32_t)replicas;
    int status = link_open("fleet", argv[1], &link, false, &stream);
    if (status)
        return status;
    int r = create ? canp_stream_create(stream, &opts, &why) : 0;
    if (r < 0)
        status = opts_fail("fleet", link_status(r), "%s", why.text);
    else if (!create)
        status = recordings ? print_recordings(stream, json) : print_table(stream, json);
    canp_stream_close(stream);
    return status;
}
