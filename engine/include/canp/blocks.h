/*
 * Recordings on their way to another machine, block by block, whatever carries them: the source cuts a
 * recording into messages, the store makes recordings of the messages again.
 *
 * A message is consecutive records of one segment, packed, and says which they are: recording, number of the
 * segment, and the number of its first record within the segment. That place stays the same when a segment
 * is packed on disk, so sending can go on behind any message, and a receiver recognises what it has already.
 * Each message has a checksum and can be understood without the others. engine/FORMAT.md describes its bytes.
 *
 * Threads: a source or a store belongs to one thread at a time.
 */
#ifndef CANP_BLOCKS_H
#define CANP_BLOCKS_H

#include <stddef.h>

#include <canp/error.h>
#include <canp/frame.h>

CANP_BEGIN_DECLS

struct canp_block_source;
struct canp_block_store;

/* No message is larger. */
#define CANP_BLOCK_MESSAGE_BYTES_MAX (1U << 20)
/* The least that may be asked for as the largest message. */
#define CANP_BLOCK_MESSAGE_BYTES_MIN (8U << 10)

enum canp_block_kind {
    CANP_BLOCK_RECORDS = 1, /* records of a segment */
    CANP_BLOCK_LOSS = 2,    /* one record that the source made: a gap where records could not be read */
    CANP_BLOCK_SEAL = 3,    /* the segment has as many records as `record` says, and no more */
};

struct canp_block_message {
    const uint8_t *bytes;
    size_t size;
    enum canp_block_kind kind;
    uint8_t recording[16]; /* as in the headers of its segments */
    uint64_t segment;
    uint64_t record;  /* number of its first record in the segment, from 0 */
    uint32_t records; /* 0 for a seal */
    uint32_t frames;  /* among them */
    int64_t first_ns; /* lowest and highest time */
    int64_t last_ns;
    uint64_t channel_mask; /* as in canp/rows.h */
    uint64_t id_filter;
};

/*
 * Reads and checks a message's head and checksum; its records are checked by the store. 0, or
 * -CANP_E_DAMAGED, -CANP_E_VERSION. `bytes` need not be trusted; *out refers to them.
 */
CANP_API int canp_block_message_read(const void *bytes, size_t size, struct canp_block_message *out);

/* ---- source ---------------------------------------------------------------------------------------- */

struct canp_block_source_opts {
    size_t size;                /* canp/export.h */
    uint32_t message_bytes_max; /* 0 = CANP_BLOCK_MESSAGE_BYTES_MAX */
};
#define CANP_BLOCK_SOURCE_OPTS_INIT CANP_OPTS_INIT_(canp_block_source_opts)

/* Opens a recording that may be growing. Owned: *out, freed by canp_block_source_close(). Errors as of
 * canp_reader_open(), -EINVAL. */
CANP_API int canp_block_source_open(const char *path, const struct canp_block_source_opts *opts,
                                    struct canp_block_source **out, struct canp_why *why);
CANP_API void canp_block_source_close(struct canp_block_source *source); /* NULL is allowed */

/* Which recording it is. */
CANP_API void canp_block_source_recording(const struct canp_block_source *source, uint8_t out[16]);

/* Goes on behind this message, read from wherever they were sent to; NULL: from the start. */
CANP_API void canp_block_source_resume(struct canp_block_source *source,
                                       const struct canp_block_message *behind);

/*
 * The next message: 1 and *out, lent until the next call; 0 when there is nothing now; or a negative error,
 * after which the call can be repeated. Records are gathered until a message is full. What was gathered when
 * nothing more can be read is only returned with `flush`: small messages are packed worse.
 */
CANP_API int canp_block_source_next(struct canp_block_source *source, bool flush,
                                    struct canp_block_message *out);

/* Is something gathered that `flush` would return? */
CANP_API bool canp_block_source_has_gathered(const struct canp_block_source *source);

/* Everything was returned, and nobody writes the recording any more. */
CANP_API bool canp_block_source_is_done(const struct canp_block_source *source);

/* Removes the file of a segment whose seal was returned, for it is safe elsewhere. 0; -EBUSY: it is not
 * sealed, or the last one of the recording; or a negative errno. */
CANP_API int canp_block_source_remove_segment(struct canp_block_source *source, uint64_t segment);

/* ---- store ----------------------------------------------------------------------------------------- */

struct canp_block_store_opts {
    size_t size;                 /* canp/export.h */
    uint64_t vehicle_bytes;      /* a vehicle may store so much; 0 = no limit */
    uint32_t vehicle_recordings; /* and so many recordings; 0 = 10000 */
    uint64_t hold_bytes;         /* messages of one recording that wait for those in front; 0 = 16 MiB */
};
#define CANP_BLOCK_STORE_OPTS_INIT CANP_OPTS_INIT_(canp_block_store_opts)

/* Counters since canp_block_store_open(). */
struct canp_block_store_stats {
    uint64_t messages;   /* given to canp_block_store_put() */
    uint64_t records;    /* stored */
    uint64_t frames;     /* among them */
    uint64_t bytes;      /* written */
    uint64_t duplicates; /* messages without anything new */
    uint64_t refused;    /* messages that were damaged, foreign or beyond a limit */
    uint64_t waiting;    /* messages that wait for those in front of them, now */
    uint64_t missing;    /* records known to be missing; gaps say so. Where a segment's end never came, the
                            number is not known and not in here */
    uint64_t sealed;     /* segments completed */
};

/* Recordings go to DIR/VEHICLE/RECORDING, RECORDING being 32 hexadecimal digits. The directory is made where
 * it is missing; -EBUSY when another process stores there. Owned: *out. */
CANP_API int canp_block_store_open(const char *dir, const struct canp_block_store_opts *opts,
                                   struct canp_block_store **out, struct canp_why *why);
/* Without canp_block_store_sync() before, what was stored may not be on the disk. NULL is allowed. */
CANP_API void canp_block_store_close(struct canp_block_store *store);

/* May this be the name of a vehicle? 1 to 64 letters, digits, `-` and `_`. */
CANP_API bool canp_block_vehicle_is_valid(const char *vehicle);

/*
 * Takes a message that `vehicle` sent for `recording`, which the carrier vouches for; the message's bytes
 * need not be trusted. `number` is the carrier's number of the message, for canp_block_store_safe(). 1:
 * stored; 2: it waits for messages in front of it; 0: nothing new in it; -CANP_E_DAMAGED, -CANP_E_VERSION,
 * -CANP_E_FOREIGN (of another recording), -CANP_E_TOO_MANY (beyond a limit), -EINVAL (no name for a vehicle):
 * refused, and `why` says it; or a negative errno when it could not be stored: then nothing is lost, and the
 * call can be repeated.
 */
CANP_API int canp_block_store_put(struct canp_block_store *store, const char *vehicle,
                                  const uint8_t recording[16], uint64_t number, const void *bytes,
                                  size_t size, struct canp_why *why);

/* Everything stored so far is on the disk when this returns 0. */
CANP_API int canp_block_store_sync(struct canp_block_store *store);

/* After canp_block_store_sync(): messages with lower numbers than this need not be given again. The lowest
 * number of one that waits; UINT64_MAX when none does. */
CANP_API uint64_t canp_block_store_safe(const struct canp_block_store *store);

/*
 * What messages wait for will not come: a gap takes its place, and they are stored. The number of gaps, or a
 * negative error.
 */
CANP_API int64_t canp_block_store_settle(struct canp_block_store *store);

CANP_API void canp_block_store_stats(const struct canp_block_store *store,
                                     struct canp_block_store_stats *out);

CANP_END_DECLS

#endif
