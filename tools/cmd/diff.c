/*
 * canp diff: how what is on the bus in one log differs from another, ID by ID, for people who look for what a
 * button, a fault or a new release changes. Prints what logs/id_diff.h finds.
 */
#include <canp/busclock.h>
#include <canp/log.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/commands.h"
#include "lib/manners.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "logs/diff_page.h"
#include "logs/id_diff.h"
#include "logs/log_open.h"
#include "logs/log_progress.h"

/* 0 or an exit status. */
static int read_ids(const char *path, struct id_table *table)
{
    struct canp_log_reader *reader;
    struct canp_busclock clock = CANP_BUSCLOCK_INIT;
    struct canp_record r;
    struct log_progress progress;
    int status = log_open("diff", path, NULL, &reader), result = 0;
    if (status)
        return status;
    log_progress_begin(&progress, path);
    while (result >= 0 && !stop_is_requested() && (result = canp_log_next(reader, &r)) == 1) {
        int64_t bus_ns = canp_busclock_time(&clock, NULL, &r);
        log_progress_show(&progress, reader);
        if (canp_kind_is_frame(r.kind))
            result = id_table_feed(table, &r, bus_ns);
    }
    log_progress_end(&progress);
    if (stop_is_requested())
        status = opts_fail("diff", CANP_EXIT_ENVIRONMENT, "stopped");
    else if (result < 0)
        status = opts_fail("diff", CANP_EXIT_ENVIRONMENT, "%s", log_why(reader, result));
    if (table->unlisted)
        opts_fail("diff", 0, "%s: %llu frames are of IDs beyond %u, which are not compared", path,
                  (unsigned long long)table->unlisted, ID_STATS_MAX);
    canp_log_close(reader);
    return status;
}

/* ---- text ------------------------------------------------------------------------------------------ */

static void print_period(const struct id_stats *s)
{
    if (s->gap_count)
        printf(", every %.1f ms", s->gap_mean_ns / 1e6);
}

/* The beginning of a line, coloured where that is wanted. */
static void print_sign(char sign, const char *color, const struct id_stats *s)
{
    char id[ID_TEXT_BYTES];
    bool colored = manners_colored(STDOUT_FILENO);
    printf("%s%c %-10s%s", colored ? color : "", sign, id_text(s, id), colored ? MANNERS_PLAIN : "");
}

static void print_one(char sign, const char *color, const struct id_stats *s)
{
    char count[TEXT_BYTES];
    print_sign(sign, color, s);
    printf(" %s frame%s", text_count(count, s->count), s->count == 1 ? "" : "s");
    print_period(s);
    printf(", %u byte%s\n", s->bytes, s->bytes == 1 ? "" : "s");
}

/* Nothing where there is none. */
static void print_mask(const char *words, const uint8_t *mask)
{
    const char *before = words;
    for (unsigned i = 0; i < ID_STATS_BYTES; i++) {
        if (!mask[i])
            continue;
        printf("%s byte %u & %02X", before /* trusted: ours */, i, mask[i]);
        before = ",";
    }
}

static void print_changed(const struct id_difference *d)
{
    print_sign('~', MANNERS_OTHER, d->a);
    if (d->changes & ID_DIFF_LENGTH)
        printf("  length %u -> %u", d->a->bytes, d->b->bytes);
    if (d->changes & ID_DIFF_PERIOD)
        printf("  period %.1f ms -> %.1f ms", d->a->gap_mean_ns / 1e6, d->b->gap_mean_ns / 1e6);
    print_mask("  other value:", d->other);
    print_mask("  moves now:", d->moves);
    print_mask("  stands still now:", d->stands);
    putchar('\n');
}

static void print_text(void *user, const struct id_difference *d)
{
    (void)user;
    if (!d->a)
        print_one('+', MANNERS_GOOD, d->b);
    else if (!d->b)
        print_one('-', MANNERS_BAD, d->a);
    else
        print_changed(d);
}

/* ---- JSON ------------------------------------------------------------------------------------------ */

struct json_list {
    const char *wanted; /* which differences this pass prints */
    const char *comma;
};

static void print_side(const struct id_stats *s)
{
    printf("{\"frames\":%llu,\"bytes\":%u,\"period_ns\":", (unsigned long long)s->count, s->bytes);
    if (s->gap_count)
        printf("%.0f,\"jitter_ns\":%.0f}", s->gap_mean_ns, id_jitter_ns(s));
    else
        fputs("null,\"jitter_ns\":null}", stdout);
}

static void print_mask_json(const char *key, const uint8_t *mask, unsigned bytes)
{
    printf(",\"%s\":\"", key /* trusted: ours */);
    for (unsigned i = 0; i < bytes; i++)
        printf("%02X", mask[i]);
    putchar('"');
}

static const char *kind_of_difference(const struct id_difference *d)
{
    return !d->a ? "new" : !d->b ? "gone" : "changed";
}

static void print_json(void *user, const struct id_difference *d)
{
    static const char *const kinds[] = {"can", "fd", "xl"};
    struct json_list *list = user;
    const struct id_stats *s = d->a ? d->a : d->b;
    char id[ID_TEXT_BYTES];
    if (strcmp(list->wanted, kind_of_difference(d)) != 0)
        return;
    printf("%s{\"id\":\"%s\",\"kind\":\"%s\"", list->comma, id_text(s, id), kinds[s->kind % 3]);
    list->comma = ",";
    if (d->a) {
        fputs(",\"a\":", stdout);
        print_side(d->a);
    }
    if (d->b) {
        fputs(",\"b\":", stdout);
        print_side(d->b);
    }
    if (d->a && d->b) {
        unsigned bytes = d->a->bytes > d->b->bytes ? d->a->bytes : d->b->bytes;
        printf(",\"length\":%s,\"period\":%s", d->changes & ID_DIFF_LENGTH ? "true" : "false",
               d->changes & ID_DIFF_PERIOD ? "true" : "false");
        print_mask_json("other_value", d->other, bytes);
        print_mask_json("moves", d->moves, bytes);
        print_mask_json("stands", d->stands, bytes);
    }
    putchar('}');
}

/* ---- the command ----------------------------------------------------------------------------------- */

static int compare_json(char *const *paths, const struct id_table *a, const struct id_table *b)
{
    static const char *const kinds[] = {"new", "gone", "changed"};
    int found = 0;
    fputs("{\"a\":", stdout);
    text_json_string(stdout, paths[0]);
    fputs(",\"b\":", stdout);
    text_json_string(stdout, paths[1]);
    printf(",\"ids\":[%u,%u]", a->count, b->count);
    for (unsigned i = 0; i < 3 && found >= 0; i++) {
        struct json_list list = {kinds[i], ""};
        printf(",\"%s\":[", kinds[i]);
        found = id_diff(a, b, print_json, &list);
        putchar(']');
    }
    puts("}");
    return found;
}

/* A new file: one that is there stays. How many IDs differ, or an error, which was told. */
static int compare_on_page(char *const *paths, const struct id_table *a, const struct id_table *b,
                           const char *out)
{
    int fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666), found = -EIO;
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!to)
        return -opts_fail("diff", EIO, "cannot make %s: %s", out, canp_strerror(-errno));
    found = diff_page_write(to, paths, a, b);
    bool is_whole = fflush(to) == 0 && !ferror(to);
    if (fclose(to) == 0 && is_whole && found >= 0)
        return found;
    unlink(out);
    return -opts_fail("diff", EIO, "cannot write %s: %s", out, canp_strerror(found < 0 ? found : -EIO));
}

static int compare(char *const *paths, const struct id_table *a, const struct id_table *b, bool json,
                   const char *out)
{
    if (out) {
        int count = compare_on_page(paths, a, b, out);
        return count < 0 ? CANP_EXIT_ENVIRONMENT : count ? CANP_EXIT_FINDING : CANP_EXIT_DONE;
    }
    int found = json ? compare_json(paths, a, b) : id_diff(a, b, print_text, NULL);
    if (found < 0)
        return opts_fail("diff", CANP_EXIT_ENVIRONMENT, "%s", canp_strerror(found));
    if (found == 0 && !json)
        puts("no difference: the same IDs, periods and lengths, the same bits move");
    return found ? CANP_EXIT_FINDING : CANP_EXIT_DONE;
}

int canp_cmd_diff(int argc, char **argv)
{
    bool json = false;
    const char *out = NULL;
    const struct opt options[] = {
        {'o', "output", OPT_TEXT, &out, "FILE.html", "a page for a browser, a new file, instead of text"},
        {0, "json", OPT_FLAG, &json, NULL, "one JSON object instead of text"},
        {0}};
    const struct opt_spec spec = {"diff", "A B",
                                  "How the traffic in B differs from that in A, ID by ID, whatever the "
                                  "interface. A and B are recordings or\n"
                                  "logs of any format. Status 1 with differences.",
                                  options,
                                  "+ ID  is new in B           - ID  is gone in B           ~ ID  changed:\n"
                                  "  length            of its longest payload\n"
                                  "  period            by more than a tenth and a millisecond\n"
                                  "  other value       bits that stand still in both, and differ\n"
                                  "  moves now         bits that stand still in A, and change in B\n"
                                  "  stands still now  bits that change in A, and stand still in B\n"
                                  "Bits are masks of bytes, the first byte being 0.\n"};
    struct id_table a = {0}, b = {0};
    int count = opts_parse(&spec, argc, argv);
    if (count < 0)
        return OPTS_EXIT(count);
    if (count != 2)
        return opts_fail("diff", CANP_EXIT_USAGE, "expected two logs, A and B; `canp diff --help` says more");
    if (json && out)
        return opts_fail("diff", CANP_EXIT_USAGE, "--json and --output: one of them");
    int status = read_ids(argv[1], &a);
    if (status == 0)
        status = read_ids(argv[2], &b);
    if (status == 0)
        status = compare(argv + 1, &a, &b, json, out);
    id_table_release(&a);
    id_table_release(&b);
    return status;
}
