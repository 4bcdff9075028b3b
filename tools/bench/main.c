/*
 * canp-bench: what the engine costs on this machine, each figure beside something that a user would compare
 * it with. It is not a sub-command of canp because it measures internal functions: it links the static
 * library and includes private headers. Main thread.
 */
#include "bench.h"

#include <canp/error.h>
#include <canp/pools/clock.h>
#include <canp/pools/monitor.h>
#include <canp/pools/profile.h>
#include <canp/version.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/commands.h"
#include "lib/memory_report.h"
#include "lib/opts.h"
#include "lib/program.h"
#include "lib/stop.h"

const char program_prefix[] = "canp-";

static const struct {
    const char *name;
    const char *summary;
    int (*run)(struct bench *bench);
} modes[] = {
#define BENCH_MODE_ROW(name, summary) {#name, summary, bench_##name},
    BENCH_MODES(BENCH_MODE_ROW)
#undef BENCH_MODE_ROW
};
#define MODE_COUNT (sizeof(modes) / sizeof(modes[0]))

uint64_t bench_now_ns(void)
{
    return canp_monotonic_ns();
}

uint64_t bench_cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000U + (uint64_t)used.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
    qsort(values, count, sizeof(values[0]), compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* What a side's runs say: their median, and how far the middle half of them spreads, as a part of it. */
struct side {
    double value;
    double spread;
};

static struct side sum_up(double *values, unsigned count)
{
    struct side side = {.value = median(values, count)};
    double width = values[(count - 1) * 3 / 4] - values[count / 4];
    side.spread = side.value > 0 && width > 0 ? width / side.value : 0;
    return side;
}

static void print_json(const struct bench *bench, const struct bench_case *one, const struct side *ours,
                       const struct side *theirs)
{
    printf("{\"mode\":\"%s\",\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\",\"spread\":%.3g", bench->mode,
           one->name, ours->value, one->unit, ours->spread);
    if (one->reference != NULL)
        printf(",\"reference\":\"%s\",\"reference_value\":%.6g,\"reference_spread\":%.3g,\"ratio\":%.6g",
               one->reference, theirs->value, theirs->spread, ours->value / theirs->value);
    else
        printf(",\"reference\":null,\"reference_value\":null,\"reference_spread\":null,\"ratio\":null");
    printf(",\"runs\":%u}\n", bench->runs);
}

static void print_text(const struct bench_case *one, const struct side *ours, const struct side *theirs)
{
    double ratio = ours->value / theirs->value;
    printf("%-22s %12.4g %-10s (%.0f %%)", one->name, ours->value, one->unit, 100 * ours->spread);
    if (one->reference != NULL)
        printf(" %-22s %12.4g (%.0f %%)  ratio %.3f", one->reference, theirs->value, 100 * theirs->spread,
               ratio);
    if (one->goal > 0)
        printf("  %s %.2f", ratio <= one->goal ? "<=" : "MISSES", one->goal);
    putchar('\n');
}

/* Both sides in turn, so that what slows the machine for a while slows both. The first pair only warms up. */
static int measure(const struct bench *bench, const struct bench_case *one, double *values,
                   double *references)
{
    for (unsigned run = 0; run <= bench->runs; run++) {
        unsigned at = run > 0 ? run - 1 : 0;
        values[at] = one->measure(one->user);
        references[at] = one->reference != NULL ? one->measure_reference(one->user) : 0;
        if (values[at] < 0)
            return (int)values[at];
        if (references[at] < 0)
            return (int)references[at];
    }
    return 0;
}

int bench_run(struct bench *bench, const struct bench_case *one)
{
    static double values[BENCH_RUNS_MAX], references[BENCH_RUNS_MAX];
    int r = measure(bench, one, values, references);

    if (r == BENCH_NOISE && !bench->json)
        printf("%-22s left out: %s, less its start, is less than its noise\n", one->name, one->reference);
    if (r == BENCH_NOISE)
        return 0;
    if (r < 0)
        return r;
    struct side ours = sum_up(values, bench->runs), theirs = sum_up(references, bench->runs);
    if (bench->json)
        print_json(bench, one, &ours, &theirs);
    else
        print_text(one, &ours, &theirs);
    fflush(stdout);
    return 0;
}

int bench_run_cases(struct bench *bench, const struct bench_case *cases, size_t count, void *user)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        struct bench_case one = cases[i];
        one.user = user;
        r = stop_is_requested() ? -EINTR : bench_run(bench, &one);
    }
    return r;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path) < 0 ? -1 : 0;
}

int bench_in_directory(struct bench *bench, int (*run)(struct bench *bench, const char *dir))
{
    const char *parent = getenv("TMPDIR");
    char dir[96];
    size_t length =
        (size_t)snprintf(dir, sizeof(dir), "%s/canp-bench-XXXXXX", parent != NULL ? parent : "/tmp");

    if (length >= sizeof(dir))
        return -ENAMETOOLONG;
    if (mkdtemp(dir) == NULL)
        return -errno;
    int r = run(bench, dir);
    int removed = nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : -errno;
    return r < 0 ? r : removed;
}

/* ------------------------------------------------------------------ the program */

/* What the modes took from pools and mappings, as the monitor sees it. */
static void print_memory(void *user, const struct canp_monitor_report *report)
{
    (void)user;
    putchar('\n');
    memory_report_print(stdout, report);
}

static int report_memory(void)
{
    struct canp_monitor_opts opts = CANP_MONITOR_OPTS_INIT;
    struct canp_monitor *monitor;

    opts.report = print_memory;
    int r = canp_monitor_open(&opts, &monitor);
    if (r < 0)
        return opts_fail("bench", CANP_EXIT_ENVIRONMENT, "monitor: %s", canp_strerror(r));
    canp_monitor_report(monitor);
    canp_monitor_close(monitor);
    return CANP_EXIT_DONE;
}

static int run_mode(struct bench *bench, size_t mode)
{
    struct canp_memprofile profile = CANP_MEMPROFILE_INIT(modes[mode].name);
    struct canp_memprofile_scope scope;

    bench->mode = modes[mode].name;
    if (!bench->json)
        printf("%s: %s; medians of %u alternated runs (and how far the middle half of them spreads)\n",
               modes[mode].name, modes[mode].summary, bench->runs);
    canp_memprofile_begin(&scope, &profile);
    int r = modes[mode].run(bench);
    canp_memprofile_end(&scope);
    if (r < 0)
        return opts_fail("bench", CANP_EXIT_ENVIRONMENT, "%s: %s", modes[mode].name,
                         stop_is_requested() ? "stopped" : canp_strerror(r));
    if (!bench->json)
        memory_report_print_profile(stdout, &profile);
    return CANP_EXIT_DONE;
}

static size_t find_mode(const char *name)
{
    size_t mode = 0;

    while (mode < MODE_COUNT && strcmp(modes[mode].name, name) != 0)
        mode++;
    return mode;
}

/* All modes that are named must exist before the first one runs. */
static int check_modes(char **names, int count)
{
    for (int i = 0; i < count; i++) {
        if (find_mode(names[i]) == MODE_COUNT)
            return opts_fail("bench", CANP_EXIT_USAGE, "no mode '%s'; `canp-bench --help` lists them",
                             names[i]);
    }
    return CANP_EXIT_DONE;
}

static const char *epilogue(void)
{
    static char text[2000];
    size_t length = (size_t)snprintf(text, sizeof(text), "MODES (default: all)\n");

    for (size_t i = 0; i < MODE_COUNT; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "  %-10s %s\n", modes[i].name,
                                   modes[i].summary);
    return text;
}

static int run(int argc, char **argv)
{
    struct bench bench = {.runs = 15};
    uint64_t runs = bench.runs;
    bool version = false;
    const struct opt options[] = {
        {0, "json", OPT_FLAG, &bench.json, NULL, "one JSON object per result and line"},
        {0, "quick", OPT_FLAG, &bench.quick, NULL, "recordings of a tenth of the size"},
        {0, "runs", OPT_COUNT, &runs, "N", "measure each side N times (default 15)"},
        {'V', "version", OPT_FLAG, &version, NULL, "print the version"},
        {0, NULL, OPT_FLAG, NULL, NULL, NULL},
    };
    const struct opt_spec spec = {"bench", "[MODE]...", "What the engine itself costs on this machine.",
                                  options, epilogue()};
    int count = opts_parse(&spec, argc, argv);

    if (count < 0)
        return OPTS_EXIT(count);
    if (version) {
        printf("canp-bench %s\n", canp_version());
        return CANP_EXIT_DONE;
    }
    if (runs < 1 || runs > BENCH_RUNS_MAX)
        return opts_fail("bench", CANP_EXIT_USAGE, "--runs: 1 to %d", BENCH_RUNS_MAX);
    bench.runs = (unsigned)runs;
    stop_catch_signals(); /* so that nothing large stays behind */
    int status = check_modes(argv + 1, count);
    for (size_t i = 0; status == CANP_EXIT_DONE && i < (count > 0 ? (size_t)count : MODE_COUNT); i++)
        status = run_mode(&bench, count > 0 ? find_mode(argv[1 + i]) : i);
    if (status == CANP_EXIT_DONE && !bench.json)
        status = report_memory();
    return status;
}

int main(int argc, char **argv)
{
    return program_main(argc, argv, run);
}
