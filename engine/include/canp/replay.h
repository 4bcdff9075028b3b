/*
 * Plays a recording at its original pace into a sink: a bus, or functions of the program.
 *
 * Every frame has an absolute deadline, counted from the first frame, so lateness does not add up. A frame
 * whose stamp is up to a second before that of the previous frame is due at once, because interfaces are
 * recorded in turn. The distances between frames are those in bus time (canp/busclock.h), so the replay waits
 * neither for steps of the clock nor for suspends nor for a single odd stamp. Frames that are due at the same
 * time are given to the sink together, then flushed; at full speed this is done for whole blocks. Frames are
 * lent from the recording's mapping, not copied; of other logs some are read ahead and copied. Of a pipe each
 * frame is flushed at once, because the next one may take long to come.
 *
 * One thread runs a replay and calls the sink.
 */
#ifndef CANP_REPLAY_H
#define CANP_REPLAY_H

#include <canp/filter.h>
#include <canp/log.h>
#include <canp/pace.h>
#include <canp/reader.h>

CANP_BEGIN_DECLS

/* What idle() asks for. */
enum canp_replay_wish {
    CANP_REPLAY_GO = 0,    /* play, or continue: the next frame is due now */
    CANP_REPLAY_PAUSE = 1, /* wait until idle() returns something else */
    CANP_REPLAY_STEP = 2,  /* one frame now (at full speed: a block), then idle() is called again */
};

struct canp_replay_sink {
    void *self;
    /* Whether this frame is to be replayed; the replay does not wait for frames that are not. NULL: all are.
     * Called before put(). */
    bool (*want)(void *self, const struct canp_record *record);
    /*
     * Takes a frame that is due. *record is valid during the call; the frame that it points to, until the
     * next flush() has returned. 0; -EINTR: not taken, put() is called again unless `stop` is set; any other
     * negative error ends the replay.
     */
    int (*put)(void *self, const struct canp_record *record);
    /* For a sink that sends at given times itself: called instead of put(), except at full speed, up to
     * ahead_ns (of the options) before the frame is due at due_ns (CLOCK_MONOTONIC), in order of due_ns. May
     * be NULL. */
    int (*put_at)(void *self, const struct canp_record *record, int64_t due_ns);
    /* Sends the frames that were put; nothing more is due now. 0, or a negative error; after -EINTR it is
     * called again unless `stop` is set. May be NULL. */
    int (*flush)(void *self);
    /* Called about every 50 ms between frames, for a keyboard or a progress line: `frames` is the number of
     * frames put so far, time_ns the stamp of the next one. May be NULL. */
    enum canp_replay_wish (*idle)(void *self, uint64_t frames, int64_t time_ns);
};

#define CANP_REPLAY_FOREVER UINT64_MAX

struct canp_replay_opts {
    size_t size;     /* canp/export.h */
    double speed;    /* 2 = twice as fast; 0 = 1, as recorded */
    bool full_speed; /* as fast as the sink takes frames; `speed` is ignored */
    uint64_t loops;  /* how many times; 0 = once; CANP_REPLAY_FOREVER = until stopped */
    int64_t from_ns; /* frames before and after are left out; 0 = from the start, to the end. (For 1970-01-01
                        itself give -1 or 1.) */
    int64_t to_ns;
    uint64_t max_gap_ns; /* longer silences are shortened to this, before the speed applies; 0 = keep them */
    uint64_t spin_ns;    /* see canp_pace */
    const struct canp_filter_set *filters; /* borrowed, or NULL */
    const struct canp_stop *stop;          /* ends the replay soon after it is set; borrowed, or NULL */
    uint64_t ahead_ns; /* for a sink with put_at(): the first frame is due this long after the start, and the
                          replay ends when the last one is due */
    bool bus_window;   /* from_ns and to_ns are bus times (canp/busclock.h), not stamps; then the whole
                          recording is read */
};
#define CANP_REPLAY_OPTS_INIT CANP_OPTS_INIT_(canp_replay_opts)

struct canp_replay_stats {
    uint64_t frames;               /* given to the sink */
    uint64_t loops;                /* runs through the recording, the last one perhaps incomplete */
    uint64_t lost;                 /* frames that are missing by the gaps between from_ns and to_ns */
    uint32_t damaged;              /* damaged places skipped */
    uint64_t scheduled_ns;         /* from the first frame's deadline to the last one's */
    uint64_t elapsed_ns;           /* from when the first frame was put until the last one was */
    int64_t drift_ns;              /* see canp_drift_ns() */
    bool stopped;                  /* by `stop` */
    struct canp_histogram late_ns; /* each frame against its deadline, when it was put; empty at full speed */
};

/*
 * Runs until the end, `stop`, or an error of the recording or the sink, and fills *stats in every case. 0, or
 * the error.
 */
CANP_API int canp_replay_run(struct canp_reader *reader, const struct canp_replay_opts *opts,
                             const struct canp_replay_sink *sink, struct canp_replay_stats *stats);

/*
 * The same for any log (canp/log.h), from where it stands, as selected by canp_log_select() and, besides, by
 * the options. `damaged` counts what could not be read. What the reader says of channels is borrowed while
 * it runs: a sink may ask canp_log_iface().
 * -ESPIPE: more than one loop of what canp_log_can_rewind() denies; nothing is played then.
 */
CANP_API int canp_replay_log(struct canp_log_reader *reader, const struct canp_replay_opts *opts,
                             const struct canp_replay_sink *sink, struct canp_replay_stats *stats);

CANP_END_DECLS

#endif
