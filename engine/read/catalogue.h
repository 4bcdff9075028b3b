/*
 * The catalogue of a recording: a file beside the segments (FORMAT.md, "Catalogue") with the time span and
 * the channels and ids of each sealed segment, so that a reader need not open segments in which nothing can
 * match.
 *
 * It is a cache, rebuilt when it is missing or wrong: the directory says which segments exist, and an entry
 * is valid only while the segment's file is the one that it was made from. One thread per struct.
 */
#ifndef CANP_ENGINE_CATALOGUE_H
#define CANP_ENGINE_CATALOGUE_H

#include <canp/pools/buf.h>
#include <canp/pools/mempool.h>

#include "segment/format.h"

#define CATALOGUE_NAME         "catalogue.canpx"
#define CATALOGUE_MAGIC        0x54414343U /* "CCAT" */
#define CATALOGUE_VERSION      1
#define CATALOGUE_ENTRIES_MAX  (1U << 22)
#define CATALOGUE_SEGMENTS_MIN 16U /* a recording of fewer is opened faster without */

struct catalogue_entry {
    uint64_t number;   /* of the segment; they ascend */
    uint64_t bytes;    /* of its file, */
    int64_t change_ns; /* the time of its last change (ctime) */
    uint64_t inode;
    int64_t first_ns; /* as its seal says */
    int64_t last_ns;
    uint64_t channel_mask;
    uint64_t id_filter;
};

struct catalogue {
    const struct catalogue_entry *entries; /* in rows */
    uint32_t count;
    uint8_t recording[16]; /* as in the segments' headers */
    struct canp_buf rows;
    struct canp_mempool *pool;
};

/* Reads the catalogue of the directory. One that is missing, torn or foreign has no entries. 0, or -ENOMEM.
 */
int canp_catalogue_read(int dir_fd, struct catalogue *out);
void canp_catalogue_free(struct catalogue *c);

/* A catalogue that is being written. */
struct catalogue_draft {
    struct canp_mbuf file;
    struct canp_mempool *pool;
};

/* Begins one of so many entries. 0, or -ENOMEM. Owned: the draft, by canp_catalogue_drop(). */
int canp_catalogue_begin(struct catalogue_draft *d, const uint8_t recording[16], uint32_t count);

/* The next one; their numbers ascend. 0, or -ENOSPC beyond the count. */
int canp_catalogue_add(struct catalogue_draft *d, const struct catalogue_entry *entry);

/* Writes it beside, once all entries are there, and gives it its name. 0, -EBUSY when somebody else is just
 * doing so, or an error. */
int canp_catalogue_write(int dir_fd, struct catalogue_draft *d);
void canp_catalogue_drop(struct catalogue_draft *d);

/* What identifies the file of a segment: number, size, inode, time of change; the rest is left zero. */
int canp_catalogue_identify(int dir_fd, uint64_t number, struct catalogue_entry *out);

/* The entry of the segment that was identified so, or NULL. */
const struct catalogue_entry *canp_catalogue_find(const struct catalogue *c,
                                                  const struct catalogue_entry *identity);

bool canp_catalogue_is_same_file(const struct catalogue_entry *a, const struct catalogue_entry *b);

#endif
