/*
 * Records CAN interfaces into a directory of segments: one CAN_RAW socket per interface; io_uring or recvmmsg
 * receives into preallocated slabs; a flush thread writes the slabs to segment files.
 *
 * Other processes can read a frame at most `flush_ns` after its reception. Frames that could not be stored
 * are counted and recorded as gaps: frames on the bus = frames stored + frames lost.
 *
 * Threads: the owner calls open and close; one thread calls run and becomes the capture thread, which
 * allocates nothing, takes no lock and touches no file; any thread may call stop and stats.
 */
#ifndef CANP_RECORDER_H
#define CANP_RECORDER_H

#include <stdbool.h>
#include <stddef.h>

#include <canp/error.h>
#include <canp/frame.h>

CANP_BEGIN_DECLS

/* The most interfaces in one recording; more are -CANP_E_TOO_MANY. */
#define CANP_RECORDER_IFACES_MAX 64U

struct canp_recorder;
struct canp_slabring;

/* How frames are received. */
enum canp_recorder_io {
    CANP_RECORDER_IO_AUTO = 0,  /* io_uring; without it recvmmsg, and a notice says why */
    CANP_RECORDER_IO_URING = 1, /* io_uring or an error */
    CANP_RECORDER_IO_MMSG = 2,  /* recvmmsg */
};

struct canp_recorder_opts {
    size_t size; /* canp/export.h */
    /* Names or altnames of interfaces; `any` = every CAN interface that is up, now or later, which may be
     * none. An interface that is down is recorded once it is up. A name may be followed by candump's filters
     * (canp/filter.h), separated by commas: `can0,123:7FF,#FF`. The kernel applies them; frames that do not
     * pass are neither stored nor counted as lost. With filters, only error frames of the mask (`#`) are
     * received. Borrowed for open. */
    const char *const *ifaces;
    unsigned iface_count;
    const char *dir;      /* the recording's directory; made when missing; an error when it holds a recording.
                             Borrowed for open. */
    uint64_t duration_ns; /* 0 = until stopped */
    uint64_t frames_max;  /* stop when this many frames are stored; 0 = no limit */
    uint64_t segment_bytes; /* 0 = the writer's default; at least 64 KiB */
    uint64_t segment_ns;    /* a segment is closed when its first frames are this old; 0 = when it is full */
    uint64_t keep_segments; /* the oldest are removed when there are more; 0 = keep all */
    uint64_t keep_bytes;    /* the same by the size of all files (canp/writer.h); 0 = keep all */
    uint64_t sync_ns;       /* 0 = 1 s; a power cut loses at most this much */
    bool sync_at_segments;  /* sync only when a segment is full, or at the end */
    bool no_sync;           /* never sync */
    bool pack;              /* pack each segment once it is full, in the background */
    uint64_t flush_ns;   /* longest time from reception until other processes can read a frame; 0 = 100 ms */
    uint64_t latency_ns; /* longest sleep between harvests of a busy bus; 0 = 20 ms; at most flush_ns / 4 */
    uint64_t rcvbuf_bytes; /* asked for each socket; 0 = 16 MiB. The kernel grants twice that and charges
                              about 0.8 KiB per frame */
    bool no_error_frames;
    bool hw_timestamps; /* keep the adapter's own stamps beside the kernel's, where the driver has them */
    /* KEY=VALUE texts, stored in each segment as mark records. Borrowed for open. */
    const char *const *notes;
    unsigned note_count;
    /* Recording by triggers, when pre_trigger_ns is not 0: the frames of the last pre_trigger_ns are held in
     * memory. At a trigger they are stored, and so are the frames of the following post_trigger_ns; without a
     * trigger they are discarded. Windows that touch become one. Triggers: filters, `123:7FF#11.22/FF.0F`
     * (data, mask), `error`, `bus-off`, `gap`, and canp_recorder_trigger(). Borrowed for open. */
    const char *const *triggers;
    unsigned trigger_count;
    uint64_t pre_trigger_ns;
    uint64_t post_trigger_ns;      /* 0 = 10 s */
    uint64_t trigger_memory_bytes; /* 0 = 64 MiB (2.6 million classic frames); when that holds less than
                                      pre_trigger_ns, windows begin later and a notice says so */
    /* One more trigger, the program's own: the flush thread calls it for each classic and FD frame in the
     * order of the stream, with `user` and the interface's name, all lent for the call. Returns the text with
     * which a window that begins is marked, valid until the next call, or NULL when it does not trigger. It
     * must not wait, because nothing is stored meanwhile. May be NULL. */
    const char *(*trigger)(void *user, const char *iface, const struct canp_record *record);
    size_t slab_bytes;   /* 0 = 256 KiB, less with small segments; 4 KiB .. 16 MiB */
    unsigned slab_count; /* 0 = derived from stall_ns; 65536 at most */
    uint64_t
        stall_ns;  /* how long the disk may stall without loss at 170,000 classic frames of 8 bytes a
                      second; 0 = 10 s. Takes up to 5 MB of memory for each second, while the disk stalls. */
    bool prealloc; /* takes all of this memory at the start, not a few MiB ahead of what is used: then memory
                      that runs short later costs no frame */
    enum canp_recorder_io io;
    bool wait_absent; /* a name that does not exist is no error: the interface is recorded when it appears */
    bool no_wait;     /* -ENETDOWN when an interface is down, or when `any` finds none that is up */
    /* Bit rates for interfaces with a controller that appear, or come back, during the recording and are
     * down: they are brought up with these rates and with the modes and restart time that they had before. 0
     * = they are not brought up. Interfaces that exist at open are not changed. Needs CAP_NET_ADMIN. */
    uint32_t bitrate;
    uint32_t dbitrate; /* of the data phase (CAN FD); 0 = none */
    /* Called with one sentence, without newline, that the user should know: by the thread in open, later by
     * the flush thread, never by the capture thread. May be NULL. */
    void (*notice)(void *user, const char *text);
    /* Called once by the capture thread as soon as it receives frames. May be NULL. */
    void (*ready)(void *user, const struct canp_recorder *rec);
    /* Called by the flush thread each time that others can read more of the recording, and once more when it
     * is complete. It must not wait. May be NULL. */
    void (*stored)(void *user);
    void *user;
};
#define CANP_RECORDER_OPTS_INIT CANP_OPTS_INIT_(canp_recorder_opts)

/* Frames lost, by the place of the loss. */
struct canp_recorder_lost {
    uint64_t socket;   /* the socket's receive buffer was full */
    uint64_t device;   /* controller or driver */
    uint64_t recorder; /* no slab was free, or the frame could not be stored */
};

struct canp_recorder_iface_stats {
    char name[CANP_IFACE_NAME_BYTES]; /* the name at the start of its recording */
    uint64_t frames;                  /* received and not lost; the newest ones may still be in slabs */
    uint64_t error_frames;            /* error frames among them, counted when they are stored */
    uint64_t outside;                 /* received but in no window, so discarded: neither stored nor lost */
    uint64_t undone; /* lost after they were stored: somebody cut or removed their segment; not in `lost` */
    struct canp_recorder_lost lost;
};

/* A snapshot: each counter is exact, but two of them may be one harvest apart. */
struct canp_recorder_stats {
    uint64_t frames;       /* sum over the interfaces */
    uint64_t error_frames; /* sum over the interfaces */
    uint64_t lost;         /* sum over interfaces and layers, plus `undone` */
    uint64_t undone;       /* sum over the interfaces */
    uint64_t outside;      /* sum over the interfaces */
    uint64_t windows;      /* begun by triggers */
    uint64_t duration_ns;  /* since reception began; stands still after the end */
    uint64_t segments;     /* started */
    uint64_t removed;      /* of these, removed because of keep_segments, keep_bytes or a full disk */
    uint64_t bytes;        /* committed to segment files */
    uint64_t blocks;
    uint64_t harvests; /* rounds of the capture thread */
    /* On a quiet bus, where the capture thread waits for frames: the time from the kernel's stamp until the
     * frame is in its slab, for the oldest frame of each harvest. At most 19 % too high. */
    uint64_t quiet_harvests;
    uint64_t quiet_p50_ns;
    uint64_t quiet_p99_ns;
    uint64_t quiet_max_ns;
    uint64_t slabs_full_max; /* the most slabs that waited for the disk at one time */
    uint64_t slab_stalls;    /* times that no slab was free */
    unsigned slab_count;
    const char *io;       /* "io_uring" or "recvmmsg"; static text */
    unsigned iface_count; /* grows when interfaces appear */
    struct canp_recorder_iface_stats ifaces[CANP_RECORDER_IFACES_MAX];
};

/*
 * Checks the interfaces, opens their sockets, and starts the recording in opts->dir and the flush thread.
 * Reception begins here: frames that arrive before canp_recorder_run() wait in the socket buffers.
 * Owned: *out, freed by canp_recorder_close(). `why` says what failed and what to do about it. Errors:
 * -EINVAL (option out of bounds, interface named twice, bad filter, trigger or note), -ENODEV (no such
 * interface), -EPROTOTYPE (not a CAN interface), -ENETDOWN (with no_wait: interface is down), -EAFNOSUPPORT
 * (kernel without CAN), and those of canp_writer_open().
 */
CANP_API int canp_recorder_open(const struct canp_recorder_opts *opts, struct canp_recorder **out,
                                struct canp_why *why);

/*
 * Receives until it is stopped or duration_ns or frames_max is reached; then stores everything and ends the
 * recording. 0; or a negative error with `why` filled: what was stored before can be read, and frames that
 * were not stored are counted as lost. Call it once per recorder. During the call the thread has real-time
 * priority (SCHED_FIFO 1) where that is permitted, unless it has a real-time policy already.
 *
 * A full disk does not end the recording: with keep_segments or keep_bytes the oldest segment is removed,
 * otherwise frames are dropped and counted, and a gap tells it as soon as there is room. A disk that fails
 * does not end it either: what can be tried again is tried once a second. When the disk is still full or
 * fails at the end, that error is returned.
 */
CANP_API int canp_recorder_run(struct canp_recorder *rec, struct canp_why *why);

/* Makes canp_recorder_run() return soon, also when it is called only afterwards. Any thread;
 * async-signal-safe. */
CANP_API void canp_recorder_stop(struct canp_recorder *rec);

/* Soon closes the current segment, unless it is empty, and begins the next. Any thread; async-signal-safe. */
CANP_API void canp_recorder_rotate(struct canp_recorder *rec);

/* Triggers a window of a recording by triggers; otherwise does nothing. Any thread; async-signal-safe. */
CANP_API void canp_recorder_trigger(struct canp_recorder *rec);

/* A text of one line, for whoever reads the recording: stored soon as a mark (CANP_MARK_NOTE: `note=TEXT`)
 * with the time of this call. At most 1018 bytes. 0; -EINVAL (empty, too long, a control character in it),
 * -EAGAIN: 8 wait already, as on a full disk. Any thread but a signal handler, between open and close. Of
 * what waits when the recording ends nothing is lost, unless the disk is full. */
CANP_API int canp_recorder_note(struct canp_recorder *rec, const char *text, struct canp_why *why);

/* Any thread, while running and after. */
CANP_API void canp_recorder_stats(const struct canp_recorder *rec, struct canp_recorder_stats *out);

/* The slabs between capture and flush thread, to read their statistics (canp/pools/slabring.h) or to monitor
 * them. Borrowed until canp_recorder_close(). */
CANP_API const struct canp_slabring *canp_recorder_slabs(const struct canp_recorder *rec);

/* Ends the flush thread if canp_recorder_run() was never called, and frees everything. NULL is allowed. */
CANP_API void canp_recorder_close(struct canp_recorder *rec);

CANP_END_DECLS

#endif
