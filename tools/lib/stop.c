/* The end by signal (stop.h). */
#include "stop.h"

#include <stddef.h>

volatile sig_atomic_t stop_requested;

static void on_signal(int number)
{
    (void)number;
    stop_requested = 1;
}

void stop_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL); /* also where a script's background job has it ignored */
    sigaction(SIGTERM, &action, NULL);
}
