/*
 * Records CAN interfaces into a directory of segments: one CAN_RAW socket per interface, io_uring (or
 * recvmmsg) into preallocated slabs, a flush thread from there into the segment files.
 *
 * What was received at most `flush_ns` ago can be read by another process. Frames that could not be stored
 * are counted, and stand in the stream as gaps: frames on the bus = frames stored + frames lost.
 *
 * Threads: open and close by the owner; run by one thread, which becomes the capture thread (it allocates
 * nothing, takes no lock and touches no file); stop and stats by any.
 */
#ifndef CANP_RECORDER_H
#define CANP_RECORDER_H

#include <stdbool.h>
#include <stddef.h>

#include <canp/error.h>
#include <canp/frame.h>

CANP_BEGIN_DECLS

/* Bound of interfaces in one recording; more: -CANP_E_TOO_MANY. */
#define CANP_RECORDER_IFACES_MAX 64U

struct canp_recorder;
struct canp_slabring;

/* How frames are received. */
enum canp_recorder_io {
    CANP_RECORDER_IO_AUTO = 0,  /* io_uring, else recvmmsg and a notice that says why */
    CANP_RECORDER_IO_URING = 1, /* io_uring or an error */
    CANP_RECORDER_IO_MMSG = 2,  /* recvmmsg */
};

struct canp_recorder_opts {
    size_t size; /* canp/export.h */
    /* Names, other names (altnames) too; `any` = every CAN interface that is up, now or later. One that is
     * down is recorded when it is up; `any` may have none that is. Behind a name, after commas, candump's
     * filters (canp/filter.h), kept by the kernel: `can0,123:7FF,#FF`. What they do not let through is
     * neither stored nor counted as lost. With filters, error frames come by the mask (`#`) alone. Borrowed
     * for open. */
    const char *const *ifaces;
    unsigned iface_count;
    const char *dir;        /* of the recording; made when missing, refused when it holds one. Borrowed. */
    uint64_t duration_ns;   /* 0 = until stopped */
    uint64_t frames_max;    /* stop when so many frames are stored; 0 = no limit */
    uint64_t segment_bytes; /* 0 = the writer's default; at least 64 KiB */
    uint64_t segment_ns;    /* a segment is closed when its first frames are so old; 0 = when it is full */
    uint64_t keep_segments; /* the oldest are removed when there are more; 0 = keep all */
    uint64_t keep_bytes;    /* the same by the size of all files (canp/writer.h); 0 = keep all */
    uint64_t sync_ns;       /* 0 = 1 s: what a power cut can take at most */
    bool sync_at_segments;  /* sync only when a segment is full, or at the end */
    bool no_sync;           /* never */
    bool pack;              /* pack each segment once it is full, in the background */
    uint64_t flush_ns;      /* 0 = 100 ms: from reception until another process can read it */
    uint64_t latency_ns;    /* 0 = 20 ms: longest sleep between harvests of a busy bus; at most flush / 4 */
    uint64_t rcvbuf_bytes;  /* 0 = 16 MiB asked per socket (the kernel books about 0.8 KiB per frame, and
                               doubles what is asked) */
    bool no_error_frames;
    bool hw_timestamps; /* keep the adapter's own stamps beside the kernel's, where the driver has them */
    /* KEY=VALUE texts, kept in each segment (mark records). Borrowed for open. */
    const char *const *notes;
    unsigned note_count;
    /* Recording by triggers, when pre_trigger_ns is not 0: what came in the last pre_trigger_ns is held in
     * memory, and goes to the files when a trigger comes, with what follows for post_trigger_ns; else it is
     * let go. Windows that meet are one. Triggers: filters, `123:7FF#11.22/FF.0F` (data, mask), `error`,
     * `bus-off`, `gap`, and canp_recorder_trigger(). Borrowed for open. */
    const char *const *triggers;
    unsigned trigger_count;
    uint64_t pre_trigger_ns;
    uint64_t post_trigger_ns;      /* 0 = 10 s */
    uint64_t trigger_memory_bytes; /* 0 = 64 MiB (2.6 million classic frames); where it holds less than
                                      pre_trigger_ns, windows begin later and a notice says so */
    /* One more trigger, the program's own: asked of each classic and FD frame in the order of the stream, by
     * the flush thread, with `user` and the interface's name. Returns what a window that begins is marked
     * with, valid until the next call, or NULL: none. Both are lent for the call. It must not wait: while it
     * does, nothing is stored. NULL: none. */
    const char *(*trigger)(void *user, const char *iface, const struct canp_record *record);
    size_t slab_bytes;   /* 0 = 256 KiB, less with small segments; 4 KiB .. 16 MiB */
    unsigned slab_count; /* 0 = by stall_ns; 65536 at most */
    uint64_t stall_ns; /* 0 = 10 s: so long may the disk stall at 170,000 classic frames of 8 bytes a second,
                          and nothing is lost. What it takes is allocated at the start: 5 MB a second. */
    enum canp_recorder_io io;
    bool wait_absent; /* a name that there is not is no error: it is recorded when it comes */
    bool no_wait;     /* one that is down is an error, -ENETDOWN, and so is `any` when none is up */
    /* An interface with a controller that comes (back) while recording, and is down, is brought up with
     * these, and with the modes and the restart time that it had before; 0 = it is not. What is there at open
     * is left as it is. Takes CAP_NET_ADMIN. */
    uint32_t bitrate;
    uint32_t dbitrate; /* of the data phase (CAN FD); 0 = none */
    /* What a user should know: one sentence without newline. Called by the thread in open, then by the flush
     * thread; never by the capture thread. NULL allowed. */
    void (*notice)(void *user, const char *text);
    /* Called once by the capture thread, as soon as frames are really received. NULL allowed. */
    void (*ready)(void *user, const struct canp_recorder *rec);
    void *user;
};
#define CANP_RECORDER_OPTS_INIT CANP_OPTS_INIT_(canp_recorder_opts)

/* Frames lost, by where. */
struct canp_recorder_lost {
    uint64_t socket;   /* receive buffer full */
    uint64_t device;   /* controller or driver */
    uint64_t recorder; /* no free slab, or not storable */
};

struct canp_recorder_iface_stats {
    char name[CANP_IFACE_NAME_BYTES]; /* as it was when its recording began */
    uint64_t frames;                  /* received and not lost since; the newest may still lie in slabs */
    uint64_t outside;                 /* received, but let go as in no window: neither stored nor lost */
    uint64_t undone; /* were stored, and somebody cut or removed their segment: lost, beside `lost` */
    struct canp_recorder_lost lost;
};

/* A snapshot: each counter is exact, read together they may be a harvest apart. */
struct canp_recorder_stats {
    uint64_t frames;      /* sum over the interfaces */
    uint64_t lost;        /* sum over interfaces and layers, and of `undone` */
    uint64_t undone;      /* sum over the interfaces */
    uint64_t outside;     /* sum over the interfaces */
    uint64_t windows;     /* begun by triggers */
    uint64_t duration_ns; /* since frames were really received; stands still at the end */
    uint64_t segments;    /* started */
    uint64_t removed;     /* of these, by keep_segments, keep_bytes or for want of room */
    uint64_t bytes;       /* committed to segment files */
    uint64_t blocks;
    uint64_t harvests; /* rounds of the capture thread */
    /* On a quiet bus, where frames are waited for: from the kernel's stamp until the frame lies in its slab,
     * of each harvest's oldest frame. At most 19 % too high. */
    uint64_t quiet_harvests;
    uint64_t quiet_p50_ns;
    uint64_t quiet_p99_ns;
    uint64_t quiet_max_ns;
    uint64_t slabs_full_max; /* most slabs that ever waited for the disk */
    uint64_t slab_stalls;    /* times that no slab was free */
    unsigned slab_count;
    const char *io;       /* "io_uring" or "recvmmsg"; static text */
    unsigned iface_count; /* grows when interfaces come */
    struct canp_recorder_iface_stats ifaces[CANP_RECORDER_IFACES_MAX];
};

/*
 * Checks the interfaces, opens their sockets, starts the recording in opts->dir and the flush thread.
 * Reception begins here: what arrives until canp_recorder_run() waits in the socket buffers.
 * Owned: *out, freed by canp_recorder_close(). `why` says what failed and what to do about it. Errors:
 * -EINVAL (option out of bounds, interface named twice, bad filter, trigger or note), -ENODEV (no such
 * interface), -EPROTOTYPE (not a CAN interface), -ENETDOWN (with no_wait: interface is down), -EAFNOSUPPORT
 * (kernel without CAN), and those of canp_writer_open().
 */
CANP_API int canp_recorder_open(const struct canp_recorder_opts *opts, struct canp_recorder **out,
                                struct canp_why *why);

/*
 * Receives until stopped, or until duration_ns or frames_max is reached; then stores everything and ends the
 * recording. 0; or a negative error with `why` filled: all that was stored before stays readable, frames not
 * stored are counted as lost. Once per recorder. Meanwhile the calling thread has real-time priority
 * (SCHED_FIFO 1) where that is permitted, unless it has another of its own choice.
 *
 * A full disk does not end it (with keep_segments or keep_bytes the oldest segment goes, else frames are
 * dropped, counted, and told by a gap as soon as there is room), nor does one that fails: what can be tried
 * again is tried once a second. It is the error at the end when the disk is still full or fails then.
 */
CANP_API int canp_recorder_run(struct canp_recorder *rec, struct canp_why *why);

/* Ends canp_recorder_run() soon, also one that has not begun yet. Any thread; async-signal-safe. */
CANP_API void canp_recorder_stop(struct canp_recorder *rec);

/* Closes the segment soon and begins the next, unless it is empty. Any thread; async-signal-safe. */
CANP_API void canp_recorder_rotate(struct canp_recorder *rec);

/* A trigger, for a recording by triggers; else nothing. Any thread; async-signal-safe. */
CANP_API void canp_recorder_trigger(struct canp_recorder *rec);

/* A text of one line, for whoever reads the recording: stored soon as a mark (CANP_MARK_NOTE: `note=TEXT`)
 * with the time of this call. At most 1018 bytes. 0; -EINVAL (empty, too long, a control character in it),
 * -EAGAIN: 8 wait already, as on a full disk. Any thread but a signal handler, between open and close. Of
 * what waits when the recording ends nothing is lost, unless the disk is full. */
CANP_API int canp_recorder_note(struct canp_recorder *rec, const char *text, struct canp_why *why);

/* Any thread, while running and after. */
CANP_API void canp_recorder_stats(const struct canp_recorder *rec, struct canp_recorder_stats *out);

/* The slabs between capture and flush thread, for their statistics (canp/pools/slabring.h) and for a monitor.
 * Borrowed until canp_recorder_close(). */
CANP_API const struct canp_slabring *canp_recorder_slabs(const struct canp_recorder *rec);

/* Ends the flush thread if canp_recorder_run() never ran, and frees all. NULL is allowed. */
CANP_API void canp_recorder_close(struct canp_recorder *rec);

CANP_END_DECLS

#endif
