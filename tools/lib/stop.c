/* The end by signal (stop.h). */
#include "stop.h"

#include <signal.h>
#include <stddef.h>

struct canp_stop stop_wish;

bool stop_is_requested(void)
{
    return canp_stop_is_set(&stop_wish);
}

static void on_signal(int number)
{
    (void)number;
    canp_stop_set(&stop_wish);
}

void stop_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL); /* also where a script's background job has it ignored */
    sigaction(SIGTERM, &action, NULL);
}
