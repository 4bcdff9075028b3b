/*
 * Parses command lines for all sub-commands: each has a table of options, which gives the parser and the
 * --help text. All options have a long form, common ones a short form, too; `--name value` and `--name=value`
 * are the same.
 * Every command has the options of manners.h, too.
 * Errors go to stderr in one line that begins with `canp COMMAND:` (program.h). Main thread.
 */
#ifndef CANP_TOOLS_OPTS_H
#define CANP_TOOLS_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How an option's argument is read, and what `value` points to. */
enum opt_type {
    OPT_FLAG,     /* no argument; bool * */
    OPT_TEXT,     /* const char ** (borrowed from argv) */
    OPT_NUMBER,   /* uint64_t *: a decimal number >= 0 */
    OPT_COUNT,    /* the same, > 0: options that mean something else, or nothing, when they are not given */
    OPT_SIZE,     /* uint64_t *: bytes > 0, 64M 2G 512k (powers of 1024) */
    OPT_DELAY,    /* uint64_t *: nanoseconds >= 0; 10ms 5s 2m 1h, a bare number is seconds */
    OPT_DURATION, /* the same, > 0 */
    OPT_LIST,     /* struct opt_list *: each time it is given, one more text */
    OPT_REAL,     /* double *: a decimal number > 0 */
};

#define OPT_LIST_MAX 64
struct opt_list {
    const char *texts[OPT_LIST_MAX]; /* borrowed from argv */
    unsigned count;
};

struct opt {
    char letter; /* 0 = long only */
    const char *name;
    enum opt_type type;
    void *value;
    const char *argument; /* shown in the help, e.g. "TIME"; NULL for a flag */
    const char *help;
};

struct opt_spec {
    const char *command;   /* e.g. "dump" */
    const char *arguments; /* e.g. "RECORDING [FILTER]..." */
    const char *summary;
    const struct opt *options; /* ends with a NULL name */
    const char *epilogue;      /* further help text or NULL */
};

/*
 * Parses argv; options and arguments may be mixed, `--` ends the options. The arguments that are no options
 * are moved to argv[1..] and their number returned. Negative: the command is over, with exit status
 * -(returned + 1): 0 after --help (printed on stdout), 2 after a usage error (said on stderr).
 */
int opts_parse(const struct opt_spec *spec, int argc, char **argv);
#define OPTS_EXIT(r) (-(r)-1)

/* Does the command take --NAME? */
bool opts_has(const struct opt_spec *spec, const char *name);

/* A decimal number >= 0 at the start of a text, *end behind it; negative when there is none (hexadecimal, inf
 * and nan are none). */
double opts_decimal(const char *text, char **end);

/* "10ms", "5s", "2m", "1h", "1.5" (seconds) -> nanoseconds. 0 or -EINVAL. */
int opts_duration(const char *text, uint64_t *ns);
/* "64M", "2G", "512k", "4096" -> bytes. 0 or -EINVAL. */
int opts_size(const char *text, uint64_t *bytes);

/*
 * A point in time: "@1700000000.5" (Unix epoch), "2026-01-31T12:00:00.25Z" (RFC 3339, with Z or an offset),
 * "+12.5s" (from start_ns). 0 or -EINVAL.
 */
int opts_point(const char *text, int64_t start_ns, int64_t *time_ns);

/* `canp COMMAND: FORMAT` and a newline to stderr; returns status. */
int opts_fail(const char *command, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
