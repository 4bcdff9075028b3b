/*
 * What signal handlers may call leaves errno as it was: canp_recorder_stop(), _trigger() and _rotate(),
 * although the calls into the system that they make set it. Linked with --wrap=syscall.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>

#include "fake_recorder.h"
#include "temp_dir.h"

static _Thread_local unsigned wakes; /* of sleepers, by this thread */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* A futex's, as the library makes it; each one sets errno, whatever it returns. */
long __wrap_syscall(long number, ...)
{
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (unsigned i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    long r = __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                            arguments[5]);
    wakes++;
    errno = EIO;
    return r;
}

TestSuite(signal_calls, .init = temp_dir_make, .fini = temp_dir_remove);

/* Until it has woken the flush thread, which is the call into the system. */
static void keeps_errno(struct canp_recorder *rec, void (*call)(struct canp_recorder *))
{
    unsigned before = wakes;
    while (wakes == before) {
        errno = ENOTTY;
        call(rec);
        cr_assert_eq(errno, ENOTTY);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

Test(signal_calls, leave_errno_alone)
{
    struct canp_recorder *rec =
        fake_open(&(struct fake_opts){.dir = dir, .chan_count = 1, .slab_count = 2, .slab_bytes = 65536});
    keeps_errno(rec, canp_recorder_trigger);
    keeps_errno(rec, canp_recorder_rotate);
    errno = ENOTTY;
    canp_recorder_stop(rec); /* stop_fd is -1: writing to it fails */
    cr_assert_eq(errno, ENOTTY);
    atomic_store(&rec->capture_done, true);
    canp_slabring_wake(rec->in.ring);
    fake_close(rec);
}
