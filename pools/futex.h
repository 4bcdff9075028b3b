/* Waiting on a word and waking who waits, within one process. Any thread; async-signal-safe. */
#ifndef CANP_POOLS_FUTEX_H
#define CANP_POOLS_FUTEX_H

#include <canp/pools/clock.h>

#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where time_t is wider than the kernel's long, the call that takes such times. */
#if defined(SYS_futex_time64) && (!defined(SYS_futex) || (__SIZEOF_LONG__ == 4 && defined(__USE_TIME_BITS64)))
#define CANP_FUTEX_CALL SYS_futex_time64
#elif defined(SYS_futex_time64) && __SIZEOF_LONG__ == 4 && !defined(__GLIBC__) /* musl 1.2: always wide */
#define CANP_FUTEX_CALL SYS_futex_time64
#else
#define CANP_FUTEX_CALL SYS_futex
#endif

/* Sleeps at most limit_ns (< 0: no limit) while the word is `value`. Spurious returns are fine. */
static inline void canp_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t limit_ns)
{
    struct timespec limit = canp_timespec_of_ns(limit_ns < 0 ? 0 : limit_ns);

    syscall(CANP_FUTEX_CALL, word, FUTEX_WAIT_PRIVATE, value, limit_ns < 0 ? NULL : &limit, NULL, 0);
}

/* Wakes one thread. */
static inline void canp_futex_wake(_Atomic uint32_t *word)
{
    syscall(CANP_FUTEX_CALL, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#endif
