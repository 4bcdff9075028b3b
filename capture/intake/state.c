/* Stops the capture, and queues sentences for the user (state.h). Any thread stops; the capture thread
 * queues. */
#include "state.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/eventfd.h>

void canp_intake_stop(struct intake *in)
{
    int saved = errno;
    atomic_store_explicit(&in->stop, true, memory_order_relaxed);
    eventfd_write(in->stop_fd, 1); /* fails only when the counter is full: then it is readable anyway */
    errno = saved;
}

void canp_intake_notice(struct intake *in, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    canp_notices_put(&in->notices, format, args);
    va_end(args);
    canp_slabring_wake(in->ring);
}
