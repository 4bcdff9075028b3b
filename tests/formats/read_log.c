/*
 * Prints a log of any format as candump's lines with directions and events, and on top what was passed over
 * and bad: what the golden files hold. usage: read_log FORMAT|- FILE
 */
#include <stdio.h>
#include <string.h>

#include <canp/candump.h>
#include <canp/log.h>

static void print_stats(const struct canp_log_stats *s)
{
    printf("frames %llu, bad %llu\n", (unsigned long long)s->frames, (unsigned long long)s->bad);
    for (uint64_t i = 0; i < s->bad && i < CANP_LOG_BAD_MAX; i++) {
        if (s->first_bad[i].line)
            printf("bad line %llu: %s: %s\n", (unsigned long long)s->first_bad[i].line,
                   s->first_bad[i].reason, s->first_bad[i].text);
        else
            printf("bad at %llu: %s\n", (unsigned long long)s->first_bad[i].offset, s->first_bad[i].reason);
    }
    for (unsigned i = 0; i < CANP_LOG_PASSED_MAX && s->passed_over[i].what; i++)
        printf("passed over %llu %s\n", (unsigned long long)s->passed_over[i].count, s->passed_over[i].what);
}

static int print_all(struct canp_log_reader *reader)
{
    static char line[CANP_CANDUMP_LINE_BYTES];
    struct canp_record record;
    int r;
    while ((r = canp_log_next(reader, &record)) == 1) {
        size_t bytes = canp_candump_format(&record, canp_log_iface(reader, record.channel)->name,
                                           CANP_CANDUMP_DIRECTION, line);
        fwrite(line, 1, bytes, stdout);
    }
    if (r < 0)
        printf("error: %s\n", canp_log_why(reader));
    return r;
}

int main(int argc, char **argv)
{
    struct canp_log_read_opts opts = {.size = sizeof(opts)};
    struct canp_log_reader *reader;
    struct canp_why why;
    if (argc != 3)
        return 2;
    opts.format = strcmp(argv[1], "-") == 0 ? NULL : argv[1];
    if (canp_log_open(argv[2], &opts, &reader, &why) < 0) {
        printf("refused: %s\n", why.text);
        return 0;
    }
    printf("format %s\n", canp_log_reader_format(reader)->name);
    print_all(reader);
    print_stats(canp_log_reader_stats(reader));
    canp_log_close(reader);
    return 0;
}
