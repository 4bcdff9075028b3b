/*
 * Recordings over NATS JetStream: vehicles ship, a collector stores, a table shows the fleet. Library of its
 * own, libcanp-stream, so that only its users link libnats.
 *
 * Subjects: can.VEHICLE.RECORDING.blocks holds the messages of canp/blocks.h, RECORDING being 32 hexadecimal
 * digits; the key-value bucket CANP_FLEET holds what each vehicle last said of itself.
 *
 * Threads: a stream and what was opened with it belong to one thread at a time; libnats has threads of its
 * own, which call no function of the program.
 */
#ifndef CANP_STREAM_H
#define CANP_STREAM_H

#include <stddef.h>

#include <canp/blocks.h>
#include <canp/error.h>

CANP_BEGIN_DECLS

struct canp_stream;
struct canp_ship;
struct canp_collect;

#define CANP_STREAM_NAME         "CAN"
#define CANP_STREAM_FLEET_BUCKET "CANP_FLEET"

/* ---- connection ------------------------------------------------------------------------------------ */

/* Texts are borrowed for the call. Secrets come from files, or from the caller's own safe place. */
struct canp_stream_opts {
    size_t size;        /* canp/export.h */
    const char *url;    /* nats://HOST:PORT or tls://…, without user and password; several with commas */
    const char *name;   /* of the stream; NULL: CANP_STREAM_NAME */
    const char *domain; /* JetStream domain, or NULL: that of the server */
    const char *user;   /* and password, or NULL */
    const char *password;
    const char *credentials; /* a file: JWT and seed (.creds) */
    const char *nkey;        /* a file: the seed of an NKEY */
    const char *ca;          /* a file: certificates to trust; with it, TLS is a must */
    const char *certificate; /* files: the client's own, and its key */
    const char *key;
    const char *inbox; /* replies come to _INBOX.this, so that permissions can name it; NULL: any */
    uint64_t rate;     /* what ships by this connection sends so many bytes a second at most; 0 = no limit */
};
#define CANP_STREAM_OPTS_INIT CANP_OPTS_INIT_(canp_stream_opts)

/* Connects. Afterwards a connection that is lost comes back by itself. Owned: *out. Errors: -ECONNREFUSED
 * (nobody answers: may be tried again), -EACCES (refused: wrong credentials), -EINVAL; `why` names the
 * server.
 */
CANP_API int canp_stream_open(const struct canp_stream_opts *opts, struct canp_stream **out,
                              struct canp_why *why);
/* Close what was opened with it before. NULL is allowed. */
CANP_API void canp_stream_close(struct canp_stream *stream);

CANP_API bool canp_stream_is_connected(const struct canp_stream *stream);

struct canp_stream_create_opts {
    size_t size;        /* canp/export.h */
    uint32_t replicas;  /* 0 = 1 */
    uint64_t bytes_max; /* of the stream; 0 = no limit */
    uint64_t age_ns;    /* messages are removed after so long; 0 = never */
    bool discard_old;   /* a full stream removes its oldest messages; else it refuses new ones, which then
                           stay in the vehicles */
    bool in_memory;
};
#define CANP_STREAM_CREATE_OPTS_INIT CANP_OPTS_INIT_(canp_stream_create_opts)

/* Makes the stream and the bucket, where they are missing; -EEXIST when the stream is there with other
 * settings. */
CANP_API int canp_stream_create(struct canp_stream *stream, const struct canp_stream_create_opts *opts,
                                struct canp_why *why);

/* ---- shipping -------------------------------------------------------------------------------------- */

struct canp_ship_opts {
    size_t size;           /* canp/export.h */
    const char *vehicle;   /* canp_block_vehicle_is_valid() */
    uint64_t linger_ns;    /* a message that is not full waits so long for more; 0 = 1 s */
    uint32_t window;       /* messages on the way at a time; 0 = 64 */
    bool delete_when_safe; /* segments are removed once the stream has them */
};
#define CANP_SHIP_OPTS_INIT CANP_OPTS_INIT_(canp_ship_opts)

struct canp_ship_stats {
    uint64_t messages; /* stored by the stream, as it said */
    uint64_t frames;   /* in them */
    uint64_t bytes;    /* of these messages */
    uint64_t repeated; /* messages sent again after an error or a silence */
    uint64_t segment;  /* everything in front of this record of this segment is stored */
    uint64_t record;
    int64_t last_ns;  /* highest time stored; 0: none in this session */
    uint64_t removed; /* segments */
};

/*
 * Ships one recording, and goes on where the stream says that it is. Owned: *out. Errors as of
 * canp_block_source_open().
 */
CANP_API int canp_ship_open(struct canp_stream *stream, const char *path, const struct canp_ship_opts *opts,
                            struct canp_ship **out, struct canp_why *why);
CANP_API void canp_ship_close(struct canp_ship *ship); /* NULL is allowed */

/*
 * Does what there is to do, and waits at most wait_ns when that is nothing. 1: something was done; 0:
 * nothing; -EAGAIN: the stream does not take it (full, missing, no permission, no link; `why` says which): it
 * is tried again by later calls; or another negative error, of the recording.
 */
CANP_API int canp_ship_step(struct canp_ship *ship, uint64_t wait_ns, struct canp_why *why);

/* All is stored, and nobody writes the recording any more. */
CANP_API bool canp_ship_is_done(const struct canp_ship *ship);
/* All that there is now is stored. */
CANP_API bool canp_ship_is_level(const struct canp_ship *ship);
CANP_API void canp_ship_stats(const struct canp_ship *ship, struct canp_ship_stats *out);

/* Says to the fleet's table what this vehicle does: one JSON object. 0 or a negative error. */
CANP_API int canp_stream_tell(struct canp_stream *stream, const char *vehicle, const char *json);

/* ---- collecting ------------------------------------------------------------------------------------ */

struct canp_collect_opts {
    size_t size;           /* canp/export.h */
    const char *dir;       /* recordings go to DIR/VEHICLE/RECORDING */
    const char *name;      /* of this collector, the same each time it runs; NULL: "collect" */
    const char *vehicles;  /* a glob; NULL: all */
    const char *recording; /* of one vehicle, this alone: 32 hexadecimal digits; NULL: all */
    bool temporary;        /* reads all there is, and the server remembers nothing */
    uint32_t share;        /* of several collectors, which (from 0), */
    uint32_t shares;       /* and how many; 0 = it is the only one */
    uint64_t vehicle_bytes;
    uint32_t vehicle_recordings; /* as in struct canp_block_store_opts */
};
#define CANP_COLLECT_OPTS_INIT CANP_OPTS_INIT_(canp_collect_opts)

/* Owned: *out. Goes on behind what was acknowledged. Errors as of canp_block_store_open(); -ENOENT: no such
 * stream. */
CANP_API int canp_collect_open(struct canp_stream *stream, const struct canp_collect_opts *opts,
                               struct canp_collect **out, struct canp_why *why);
CANP_API void canp_collect_close(struct canp_collect *collect); /* NULL is allowed */

/*
 * Stores what has come and acknowledges what is on the disk. Returns the number of messages; 0: none came
 * within wait_ns; -EAGAIN: the server cannot be asked now; or an error of the disk (nothing is lost).
 */
CANP_API int canp_collect_step(struct canp_collect *collect, uint64_t wait_ns, struct canp_why *why);

/* The stream has no more for this collector, now. */
CANP_API bool canp_collect_is_level(const struct canp_collect *collect);

/* What is missing will not come: gaps take its place. */
CANP_API int canp_collect_settle(struct canp_collect *collect, struct canp_why *why);

CANP_API void canp_collect_stats(const struct canp_collect *collect, struct canp_block_store_stats *out);

/* ---- the fleet ------------------------------------------------------------------------------------- */

/* Calls `each` for each recording that the stream has messages of, with their number. Returns how many
 * recordings there are, or a negative error; -ENOENT: there is no such stream. */
CANP_API int canp_stream_recordings(struct canp_stream *stream,
                                    void (*each)(void *user, const char *vehicle, const char *recording,
                                                 uint64_t messages),
                                    void *user, struct canp_why *why);

/* Calls `each` for each vehicle, with what it said and when (Unix epoch). The texts are others' words.
 * Returns their number or a negative error; -ENOENT: there is no table. */
CANP_API int canp_stream_fleet(struct canp_stream *stream,
                               void (*each)(void *user, const char *vehicle, const char *json, size_t bytes,
                                            int64_t time_ns),
                               void *user, struct canp_why *why);

CANP_END_DECLS

#endif
