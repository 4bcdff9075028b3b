/* Packing in the background (packer.h). */
#include "packer.h"

#include <canp/private/disk_full.h>

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE        (3 << 13)

/* For this thread only; what is refused does not matter. */
static void lower_priority(void)
{
    struct sched_param param = {0};
    pid_t self = (pid_t)syscall(SYS_gettid);
    sched_setscheduler(self, SCHED_IDLE, &param);
    setpriority(PRIO_PROCESS, (id_t)self, 19);
    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, self, IOPRIO_IDLE);
}

/* The segment has its name anew, and another size; it may have been removed meanwhile. */
static void tell_retention(struct packer *p, uint64_t number)
{
    char name[SEG_NAME_BYTES];
    struct stat st;
    canp_seg_name(name, number);
    if (fstatat(p->dir_fd, name, &st, 0) == 0)
        canp_retention_size(p->retention, number, (uint64_t)st.st_size);
    canp_retention_recheck(p->retention, number);
}

/* What is removed is not worth the work. */
static int pack_segment(struct packer *p, uint64_t number)
{
    if (number < retention_oldest(p->retention))
        return 0;
    int r = canp_repack_segment(&p->repack, p->dir_fd, number);
    if (r == 1)
        tell_retention(p, number);
    return r;
}

static void pack_one(struct packer *p)
{
    uint64_t number = p->queue[p->first];
    p->first = (p->first + 1) % PACKER_QUEUE;
    p->count--;
    p->busy = true;
    pthread_mutex_unlock(&p->lock);
    int r = pack_segment(p, number);
    pthread_mutex_lock(&p->lock);
    p->busy = false;
    if (canp_is_disk_full(r) || r == -EBUSY) /* EBUSY: another process packs this very segment */
        p->passed_over++;
    else if (r < 0 && r != -ENOENT && p->error == 0) /* ENOENT: retention was faster */
        p->error = r;
    pthread_cond_broadcast(&p->changed);
}

static void *packer_main(void *arg)
{
    struct packer *p = arg;
    lower_priority();
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        if (p->count)
            pack_one(p);
        else
            pthread_cond_wait(&p->changed, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

int canp_packer_start(struct packer *p, int dir_fd, struct retention *retention)
{
    static const struct canp_repack_opts opts = CANP_REPACK_OPTS_INIT;
    int r = canp_repack_open(&p->repack, &opts);
    if (r < 0)
        return r;
    p->dir_fd = dir_fd;
    p->retention = retention;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    r = -pthread_create(&p->thread, NULL, packer_main, p);
    if (r < 0)
        canp_repack_close(&p->repack);
    return r;
}

void canp_packer_push(struct packer *p, uint64_t number)
{
    pthread_mutex_lock(&p->lock);
    if (p->count < PACKER_QUEUE)
        p->queue[(p->first + p->count++) % PACKER_QUEUE] = number;
    else
        p->passed_over++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

int canp_packer_drain(struct packer *p)
{
    pthread_mutex_lock(&p->lock);
    while (p->count || p->busy)
        pthread_cond_wait(&p->changed, &p->lock);
    int r = p->error;
    pthread_mutex_unlock(&p->lock);
    return r;
}

void canp_packer_stop(struct packer *p)
{
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    canp_repack_close(&p->repack);
}
