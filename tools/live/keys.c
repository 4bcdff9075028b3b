/* Keyboard and progress line (keys.h). Invariant: after keys_end() the terminal is as it was. */
#include "keys.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "lib/manners.h"

static struct termios before;
static bool reading; /* the terminal is ours */
static bool shown;   /* a progress line stands there */

void keys_begin(void)
{
    if (reading || !isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() ||
        tcgetattr(STDIN_FILENO, &before) < 0)
        return;
    struct termios single = before;
    single.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* Ctrl-C stays a signal */
    single.c_cc[VMIN] = 0;
    single.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &single) < 0)
        return;
    reading = true;
    atexit(keys_end);
}

void keys_end(void)
{
    keys_progress(NULL);
    if (!reading)
        return;
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    reading = false;
}

char keys_next(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char key;
    if (!reading || poll(&in, 1, 0) != 1 || read(STDIN_FILENO, &key, 1) != 1)
        return 0;
    return key;
}

void keys_progress(const char *format, ...)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (manners.quiet || !isatty(STDERR_FILENO) || (!format && !shown) || poll(&out, 1, 0) != 1)
        return; /* a stopped terminal is not waited for */
    fputs("\r\033[K", stderr);
    shown = format != NULL;
    if (!format)
        return;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fflush(stderr);
}
