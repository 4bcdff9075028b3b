/*
 * The inside of a reader: the list of segments and the channels' names. Its cursors share it; the lock guards
 * the list and the names. Private to engine/.
 */
#ifndef CANP_ENGINE_READER_PRIV_H
#define CANP_ENGINE_READER_PRIV_H

#include <canp/pools/mapcache.h>
#include <canp/reader.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include <canp/pools/mempool.h>

#include "segment/segment_reader.h"
#include "segment_list.h"

#define CHANNELS_MAX 256U

#define UNPACKED_BYTES_MIN (512U << 10) /* what a full block has */

struct canp_reader {
    pthread_mutex_t looking; /* one thread at a time refreshes or sums up; taken before the lock */
    pthread_mutex_t lock;
    int dir_fd;      /* AT_FDCWD for a single file */
    char *file_path; /* of a single file, else NULL */
    struct segment_list list;
    const struct canp_stop *stop; /* borrowed, or NULL */
    uint8_t identity[16];         /* of the recording, as its segments' headers have it */
    _Atomic bool identity_known;  /* set once identity is whole, which then stays */
    _Atomic unsigned iface_count;
    _Atomic bool iface_known[CHANNELS_MAX]; /* set once ifaces[channel] is whole, which then stays */
    struct canp_iface ifaces[CHANNELS_MAX];
    /* How far the last segment was seen to go: canp_reader_refresh() compares. */
    uint64_t tail_number;
    uint64_t tail_end;
    _Atomic bool tail_sealed;
    uint8_t tail_boot_id[16]; /* of the machine's boot in which it was begun; zeros: not known */
    _Atomic bool may_grow;
    struct canp_mapcache *maps;   /* of the sealed segments */
    struct canp_mempool *buffers; /* for the rows of packed blocks */
};

/* The first segment with a number above `after`; 0 = none. */
uint64_t canp_reader_next_segment(struct canp_reader *reader, uint64_t after);

/* The same, without segments known to hold nothing that is wanted; *before is what is listed in front of it,
 * or 0. Bounds of time are worth a look at every seal, once. */
uint64_t canp_reader_next_match(struct canp_reader *reader, uint64_t after, const struct query *w,
                                uint64_t *before);

/* The last segment with a number below `number`; 0 = none. */
uint64_t canp_reader_segment_before(struct canp_reader *reader, uint64_t number);

/* Is it what this process lacks for now? The segment itself may be whole, and one may try again. */
static inline bool reader_error_passes(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -EINTR || r == -EAGAIN;
}

/* Whether the directory still has it. */
bool canp_reader_has_segment(const struct canp_reader *reader, uint64_t number);

int canp_reader_open_segment(struct canp_reader *reader, uint64_t number, struct segment_reader *out);

/* A recording of one segment of a directory. Owned: *out, freed by canp_reader_close(). */
int canp_reader_of_segment(int dir_fd, uint64_t number, struct canp_reader **out);

/* Has it names for all channels in this mask of a block or seal? */
bool canp_reader_knows_channels(struct canp_reader *reader, uint64_t channel_mask);

/* Takes the channels' names from IFACE rows that a checksum has vouched for. */
void canp_reader_learn_ifaces(struct canp_reader *reader, const uint8_t *rows, size_t bytes);

#endif
