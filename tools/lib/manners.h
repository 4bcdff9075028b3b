/*
 * How the user wants to be spoken to: options that every command has (opts.h parses them). Set while the
 * command line is read; main thread until then, any thread later.
 */
#ifndef CANP_TOOLS_MANNERS_H
#define CANP_TOOLS_MANNERS_H

#include <stdbool.h>

enum manners_color {
    COLOR_AUTO, /* on a terminal, unless $NO_COLOR is set (no-color.org) or $TERM is dumb */
    COLOR_ALWAYS,
    COLOR_NEVER,
};

struct manners {
    bool quiet;   /* no progress, no summary, no line that is no cause for worry */
    bool verbose; /* what is done and how, and what it took */
    bool local;   /* times in the local zone instead of UTC */
    enum manners_color color;
};

extern struct manners manners;

/* "auto", "always" or "never"; 0 or -EINVAL. */
int manners_set_color(const char *when);

/* May what goes to this file descriptor be coloured? */
bool manners_colored(int fd);

/* What a piece of text begins with (and MANNERS_PLAIN ends it), on a stream that may be coloured. */
#define MANNERS_BAD   "\033[1;31m" /* red */
#define MANNERS_GOOD  "\033[32m"
#define MANNERS_OTHER "\033[33m"
#define MANNERS_PLAIN "\033[0m"

/* With --verbose: one line on stderr about the processor time and the memory that the process took. */
void manners_tell_cost(void);

#endif
