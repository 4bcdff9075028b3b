/*
 * One recording that is put together from messages. Its directory's files are its memory: after a restart it
 * goes on behind the last block that is there.
 *
 * Invariant: segments in front of `grown.number` are complete, and `grown` holds all of the sender's records
 * in front of its position. Messages that come too early are held, in order; the store
 * bounds them. One thread at a time.
 */
#ifndef CANP_ENGINE_ASSEMBLY_H
#define CANP_ENGINE_ASSEMBLY_H

#include "grown_segment.h"
#include "message.h"

struct held_message {
    struct held_message *next;
    uint64_t number; /* of the carrier */
    size_t size;
    uint8_t bytes[] __attribute__((aligned(8)));
};

struct assembly {
    int dir_fd; /* -1: closed for now */
    uint8_t recording[16];
    struct grown_segment grown; /* number 0: nothing is stored yet */
    struct held_message *held;  /* by place, ascending */
    uint64_t held_bytes;
    unsigned held_count;
    bool dir_dirty;
};

/* What all recordings of a store share. */
struct assembly_shared {
    struct grown_scratch scratch;
    struct canp_block_store_stats *stats;
};

/* dir_fd is taken over, also on an error. */
int canp_assembly_open(struct assembly *s, int dir_fd, const uint8_t recording[16],
                       struct assembly_shared *shared);
void canp_assembly_close(struct assembly *s);

/* 1, 2, 0 or an error, as of canp_block_store_put(). The message was not checked yet. */
int canp_assembly_put(struct assembly *s, struct assembly_shared *shared, uint64_t number, const void *bytes,
                      size_t size);

int canp_assembly_sync(struct assembly *s);

/* The messages in front of the first that is held will not come. 1 when there was one, else 0. */
int canp_assembly_settle(struct assembly *s, struct assembly_shared *shared);

/* The carrier's lowest number of what is held; UINT64_MAX: nothing is. */
uint64_t canp_assembly_lowest_held(const struct assembly *s);

#endif
