/* canp verify: reads every block, checks every checksum, and names each damaged place. Main thread. */
#include <canp/reader.h>

#include <stdio.h>

#include "lib/commands.h"
#include "lib/jobs.h"
#include "lib/opts.h"
#include "lib/text.h"
#include "logs/damage.h"
#include "logs/leftovers.h"
#include "logs/log_open.h"
#include "logs/log_report.h"
#include "logs/log_summary.h"

struct verify {
    bool json;
    uint64_t jobs;
    unsigned places;
    uint64_t frames; /* intact */
    uint64_t blocks;
    uint64_t frames_damaged;
};

static void on_damage(void *user, const struct canp_damage *damage)
{
    struct verify *v = user;
    if (v->json && v->places)
        putchar(',');
    v->json ? damage_print_json(stdout, damage) : damage_print(stdout, damage);
    v->places++;
    v->frames_damaged += damage->frames;
}

static int read_all(struct canp_reader *reader, struct verify *v)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *cursor;
    struct canp_batch batch;
    struct canp_check sums;
    unsigned jobs = jobs_of(v->jobs);
    if (jobs > 1 && canp_reader_check(reader, jobs, &sums) == 1) {
        v->frames = sums.frames;
        v->blocks = sums.blocks;
        return 0;
    }
    opts.on_damage = on_damage;
    opts.thorough = true;
    opts.user = v;
    int r = canp_cursor_open(reader, &opts, &cursor);
    if (r < 0)
        return r;
    while ((r = canp_cursor_next_batch(cursor, &batch)) == 1) {
        v->frames += batch.frames;
        v->blocks++;
    }
    canp_cursor_close(cursor);
    return r;
}

static void print_result(const struct verify *v, const struct canp_info *info)
{
    char a[TEXT_BYTES], b[TEXT_BYTES], c[TEXT_BYTES];
    if (v->json) {
        printf("],\"frames\":%llu,\"lost\":%llu,\"segments\":%llu,\"blocks\":%llu,\"bytes\":%llu,\"torn_"
               "bytes\":%llu,"
               "\"sealed\":%s}\n",
               (unsigned long long)v->frames, (unsigned long long)info->lost,
               (unsigned long long)info->segments, (unsigned long long)v->blocks,
               (unsigned long long)info->bytes, (unsigned long long)info->torn_bytes,
               info->live ? "false" : "true");
        return;
    }
    if (info->torn_bytes)
        printf("torn end: %s of an unfinished block, not part of the recording\n",
               text_bytes(a, info->torn_bytes));
    printf("%s frames in %s blocks of %llu segments intact; %u damaged places\n", text_count(a, v->frames),
           text_count(b, v->blocks), (unsigned long long)info->segments, v->places);
    if (info->lost)
        printf("%s frames were lost while recording, as its gaps say\n", text_count(c, info->lost));
}

static void print_bad_json(const struct canp_log_bad *bad)
{
    printf("{\"line\":%llu,\"offset\":%llu,\"error\":", (unsigned long long)bad->line,
           (unsigned long long)bad->offset);
    text_json_string(stdout, bad->reason);
    putchar('}');
}

/* A log in another format is well-formed or not: there are no checksums, but what the format itself has. */
static int verify_log(const struct verify *v, const char *path)
{
    static struct log_summary s;
    struct canp_why why;
    char count[TEXT_BYTES];
    int r = log_summary_read(path, &s, &why);
    if (r < 0)
        log_open_fail("verify", r, &why);
    if (r < 0 && r != -CANP_E_DAMAGED)
        return CANP_EXIT_ENVIRONMENT;
    if (v->json) {
        fputs("{\"damage\":[", stdout);
        for (uint64_t i = 0; i < s.stats.bad && i < CANP_LOG_BAD_MAX; i++) {
            fputs(i ? "," : "", stdout);
            print_bad_json(&s.stats.first_bad[i]);
        }
        printf("],\"format\":\"%s\",\"frames\":%llu,\"lost\":%llu,\"bad\":%llu,\"passed_over\":%llu,"
               "\"bytes\":%llu}\n",
               s.format ? s.format : "", (unsigned long long)s.info.frames, (unsigned long long)s.info.lost,
               (unsigned long long)s.stats.bad, (unsigned long long)s.stats.passed,
               (unsigned long long)s.info.bytes);
    } else {
        log_report_places("verify", path, &s.stats);
        printf("%s frames read; %llu places cannot be read\n", text_count(count, s.info.frames),
               (unsigned long long)s.stats.bad);
    }
    return r < 0 || s.stats.bad ? CANP_EXIT_FINDING : CANP_EXIT_DONE;
}

int canp_cmd_verify(int argc, char **argv)
{
    struct verify v = {0};
    const struct opt options[] = {
        {'j', "jobs", OPT_COUNT, &v.jobs, "N", "check so many segments at a time (all processors)"},
        {0, "json", OPT_FLAG, &v.json, NULL, "one JSON object instead of text"},
        {0},
    };
    const struct opt_spec spec = {
        "verify", "RECORDING",
        "Reads and checks all of a recording or log; names each damaged place. Status 1 if there is any.",
        options, NULL};
    struct canp_reader *reader;
    struct canp_info info = {0};
    struct canp_why why;
    int n = opts_parse(&spec, argc, argv);
    if (n < 0)
        return OPTS_EXIT(n);
    if (n != 1)
        return opts_fail("verify", CANP_EXIT_USAGE, "expected one RECORDING; `canp verify --help` says more");
    int r = recording_open(argv[1], &reader, &why);
    if (r < 0 && log_summary_is_worth_trying(argv[1], r))
        return verify_log(&v, argv[1]);
    if (r == -CANP_E_DAMAGED && v.json)
        puts("{\"damage\":[{\"error\":\"no segment can be read\"}],\"frames\":0}");
    if (r == -CANP_E_DAMAGED)
        return opts_fail("verify", CANP_EXIT_FINDING, "%s", why.text);
    if (r < 0)
        return log_open_fail("verify", r, &why);
    if (v.json)
        fputs("{\"damage\":[", stdout);
    r = read_all(reader, &v);
    if (r == 0)
        r = canp_reader_info(reader, &info);
    canp_reader_close(reader);
    if (r < 0 && v.json) /* what was found before stays JSON */
        printf("],\"error\":\"%s\"}\n", canp_strerror(r));
    if (r < 0) {
        canp_fail(&why, r, "cannot read %s: %s", argv[1], canp_strerror(r));
        return log_open_fail("verify", r, &why);
    }
    print_result(&v, &info);
    leftovers_tell("verify", argv[1], false);
    return v.places ? CANP_EXIT_FINDING : CANP_EXIT_DONE;
}
