/* How the user wants to be spoken to (manners.h). */
#include "manners.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct manners manners;

int manners_set_color(const char *when)
{
    static const char *const names[] = {"auto", "always", "never"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(when, names[i]) == 0) {
            manners.color = (enum manners_color)i;
            return 0;
        }
    }
    return -EINVAL;
}

bool manners_colored(int fd)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    if (manners.color != COLOR_AUTO)
        return manners.color == COLOR_ALWAYS;
    return !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0 && isatty(fd) == 1;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void manners_tell_cost(void)
{
    struct rusage used;
    if (!manners.verbose || getrusage(RUSAGE_SELF, &used) < 0)
        return;
    fprintf(stderr, "canp: processor %.3f s, of these %.3f s in the kernel; memory %.1f MB at most\n",
            seconds(used.ru_utime) + seconds(used.ru_stime), seconds(used.ru_stime),
            (double)used.ru_maxrss * 1024 / 1e6);
}
