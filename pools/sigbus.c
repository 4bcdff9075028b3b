/*
 * The SIGBUS guard (canp/pools/mapped.h): keeps a cut or unreadable file from killing the process.
 *
 * Invariant: a watch whose base is not 0 is a mapping that exists. The handler reads the table without a lock
 * and only calls what a signal handler may: it lays zero pages over the mapping from the faulting page to its
 * end, marks the watch, and returns; the faulting instruction then reads zero.
 *
 * Threads: watch and unwatch from any thread (a lock); the handler in whatever thread faulted.
 */
#include <canp/private/sigbus.h>

#include <canp/pools/mapped.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "pages.h"

struct watch {
    _Atomic uintptr_t base; /* 0: free */
    _Atomic size_t bytes;
    _Atomic bool writable;
    _Atomic bool failed;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct watch watches[CANP_MAPPED_MAX];
static int next_free[CANP_MAPPED_MAX]; /* of a free watch that was used before: the next such, or -1 */
static int first_free = -1;
static _Atomic int used; /* watches 0 .. used - 1 have been in use */
static struct sigaction previous;
static bool installed;
static size_t page_bytes; /* constant once the handler is installed */

int canp_sigbus_watch(const void *base, size_t bytes, bool writable)
{
    pthread_mutex_lock(&lock);
    int watch = first_free;
    if (watch >= 0) {
        first_free = next_free[watch];
    } else if (atomic_load_explicit(&used, memory_order_relaxed) < CANP_MAPPED_MAX) {
        watch = atomic_fetch_add_explicit(&used, 1, memory_order_relaxed);
    } else {
        watch = -EMFILE;
    }
    pthread_mutex_unlock(&lock);
    if (watch < 0)
        return watch;
    atomic_store_explicit(&watches[watch].failed, false, memory_order_relaxed);
    atomic_store_explicit(&watches[watch].bytes, bytes, memory_order_relaxed);
    atomic_store_explicit(&watches[watch].writable, writable, memory_order_relaxed);
    /* release: pairs with the acquire in find_watch() */
    atomic_store_explicit(&watches[watch].base, (uintptr_t)base, memory_order_release);
    return watch;
}

void canp_sigbus_unwatch(int watch)
{
    atomic_store_explicit(&watches[watch].base, 0, memory_order_release);
    pthread_mutex_lock(&lock);
    next_free[watch] = first_free;
    first_free = watch;
    pthread_mutex_unlock(&lock);
}

int canp_sigbus_error(int watch)
{
    return watch >= 0 && atomic_load_explicit(&watches[watch].failed, memory_order_acquire) ? -CANP_E_LOST
                                                                                            : 0;
}

void canp_sigbus_set_error(int watch)
{
    atomic_store_explicit(&watches[watch].failed, true, memory_order_release);
}

/* ------------------------------------------------------------------ the handler */

/* The mapping that the address lies in, counting its last page whole; -1 if it is none of ours. */
static int find_watch(uintptr_t address)
{
    int count = atomic_load_explicit(&used, memory_order_relaxed);

    for (int i = 0; i < count; i++) {
        uintptr_t base = atomic_load_explicit(&watches[i].base, memory_order_acquire);
        size_t bytes = atomic_load_explicit(&watches[i].bytes, memory_order_relaxed);
        bytes = (bytes + page_bytes - 1) / page_bytes * page_bytes;
        if (base != 0 && address >= base && address - base < bytes)
            return i;
    }
    return -1;
}

static bool cover_with_zeros(int watch, uintptr_t address)
{
    uintptr_t base = atomic_load_explicit(&watches[watch].base, memory_order_relaxed);
    size_t bytes = atomic_load_explicit(&watches[watch].bytes, memory_order_relaxed);
    int protection = PROT_READ;
    if (atomic_load_explicit(&watches[watch].writable, memory_order_relaxed))
        protection |= PROT_WRITE;
    uintptr_t page = address / page_bytes * page_bytes;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the signal names an address */
    void *zeros =
        mmap((void *)page, base + bytes - page, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    return zeros != MAP_FAILED;
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    if (previous.sa_flags & SA_SIGINFO)
        previous.sa_sigaction(number, info, context);
    else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
        previous.sa_handler(number);
    else
        signal(number, SIG_DFL); /* the instruction faults again, and the process ends as it would have */
}

static void handle(int number, siginfo_t *info, void *context)
{
    int errno_before = errno;
    int watch = find_watch((uintptr_t)info->si_addr);

    if (watch >= 0 && cover_with_zeros(watch, (uintptr_t)info->si_addr))
        canp_sigbus_set_error(watch);
    else
        pass_on(number, info, context);
    errno = errno_before;
}

int canp_sigbus_guard_install(void)
{
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_NODEFER};
    int r = 0;

    page_bytes = canp_page_bytes();
    sigemptyset(&action.sa_mask);
    pthread_mutex_lock(&lock);
    if (!installed)
        r = sigaction(SIGBUS, &action, &previous) < 0 ? -errno : 0;
    installed = r == 0;
    pthread_mutex_unlock(&lock);
    return r;
}

void canp_sigbus_guard_remove(void)
{
    pthread_mutex_lock(&lock);
    if (installed)
        sigaction(SIGBUS, &previous, NULL);
    installed = false;
    pthread_mutex_unlock(&lock);
}
