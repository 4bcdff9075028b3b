/*
 * A new segment's directory entry is made durable by the housekeeper while the writer goes on: a disk that
 * takes seconds for it must not stop the thread that puts frames. fsync() is this program's own here. It
 * stands still on the directory until the writer has flushed; where it is called under the lock that the
 * writer needs, it stands until the end of its patience, and says so.
 */
#include <canp/writer.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "temp_dir.h"

#define PATIENCE_S 20 /* a bound for a hang, not a measurement */

static atomic_bool armed;
static atomic_bool ran_out;
static sem_t begun, flushed;

int fsync(int fd)
{
    struct stat st;
    struct timespec until;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && atomic_exchange(&armed, false)) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += PATIENCE_S;
        sem_post(&begun);
        if (sem_timedwait(&flushed, &until) < 0)
            atomic_store(&ran_out, true);
    }
    return (int)syscall(SYS_fsync, fd);
}

static void put_and_flush(struct canp_writer *w, int64_t time_ns)
{
    union canp_frame_store f = {.frame = {.id = 1, .len = 8}};
    struct canp_record r = {.time_ns = time_ns, .frame = &f.frame};
    cr_assert_eq(canp_writer_put(w, &r), 0);
    cr_assert_eq(canp_writer_flush(w), 0);
}

TestSuite(directory_sync, .init = temp_dir_make, .fini = temp_dir_remove);

Test(directory_sync, the_writer_goes_on_meanwhile)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    opts.segment_bytes = 65536;
    cr_assert_eq(sem_init(&begun, 0, 0), 0);
    cr_assert_eq(sem_init(&flushed, 0, 0), 0);
    cr_assert_eq(canp_writer_open(dir, &opts, &w, NULL), 0);
    put_and_flush(w, 1);
    cr_assert_eq(canp_writer_sync(w), 0); /* the first segment's entry is durable */
    atomic_store(&armed, true);
    cr_assert_eq(canp_writer_rotate(w), 0);
    put_and_flush(w, 2); /* the second segment */
    cr_assert_eq(sem_wait(&begun), 0);
    put_and_flush(w, 3);
    cr_assert_eq(sem_post(&flushed), 0);
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);
    cr_expect_not(atomic_load(&ran_out), "fsync() of the directory held the writer up");
}
