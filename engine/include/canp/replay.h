/*
 * Plays a recording in its own time into a sink: a bus, or a function of the program.
 *
 * Every frame has an absolute deadline that follows from the first frame sent, so lateness does not add up.
 * A frame recorded up to a second earlier than the one before it is due at once (interfaces are recorded in
 * turn). Frames are as far apart as they were in bus time (canp/busclock.h): nothing waits for a clock that
 * was set or while the machine was suspended, nor for a single odd stamp.
 * Frames that are due at once are given to the sink together and then flushed; at full speed whole blocks
 * are. They are lent from the mapping of the recording: nothing is copied here. Of other logs some are read
 * ahead and copied; of a pipe each frame is flushed at once, as the next one may be long in coming.
 *
 * One thread runs a replay; the sink is called on it.
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
    CANP_REPLAY_GO = 0,    /* play, or play on: the next frame is due now, and time runs on from there */
    CANP_REPLAY_PAUSE = 1, /* hold until it asks for something else */
    CANP_REPLAY_STEP = 2,  /* one frame now (at full speed: a block), then it is asked again */
};

struct canp_replay_sink {
    void *self;
    /* Whether this frame is wanted at all; nothing waits for others. NULL: all are. Called before put(). */
    bool (*want)(void *self, const struct canp_record *record);
    /*
     * A frame that is due. *record itself is valid during the call, what it points to (the frame) until the
     * next flush() has returned. 0; -EINTR: not taken, it is put again unless `stop` is set; another
     * negative error ends the replay.
     */
    int (*put)(void *self, const struct canp_record *record);
    /* The same for a sink that keeps the time itself: called instead of put(), unless at full speed, up to
     * ahead_ns of the options before the frame is due (CLOCK_MONOTONIC), in order of due_ns. May be NULL. */
    int (*put_at)(void *self, const struct canp_record *record, int64_t due_ns);
    /* Nothing more is due now: send what was put. 0, or a negative error; -EINTR is tried again unless
     * `stop` is set. May be NULL. */
    int (*flush)(void *self);
    /* Called about every 50 ms, between frames, for a keyboard or a progress line; `frames` were put so far,
     * the next one was recorded at time_ns. May be NULL. */
    enum canp_replay_wish (*idle)(void *self, uint64_t frames, int64_t time_ns);
};

#define CANP_REPLAY_FOREVER UINT64_MAX

struct canp_replay_opts {
    size_t size;     /* canp/export.h */
    double speed;    /* 2 = twice as fast; 0 = 1, as recorded */
    bool full_speed; /* as fast as the sink takes it, whatever `speed` */
    uint64_t loops;  /* how often; 0 = once; CANP_REPLAY_FOREVER = until stopped */
    int64_t from_ns; /* frames outside are left out; 0 = from the start, to the end. (At the epoch itself:
                        -1, 1.) */
    int64_t to_ns;
    uint64_t max_gap_ns; /* longer silences are cut to this, before the speed applies; 0 = keep them */
    uint64_t spin_ns;    /* see canp_pace */
    const struct canp_filter_set *filters; /* borrowed, or NULL */
    const struct canp_stop *stop;          /* ends the replay soon after it is set; borrowed, or NULL */
    uint64_t ahead_ns; /* for a sink with put_at(): the first frame is due so long after the start, and the
                          end is when the last one is due */
    bool bus_window;   /* from_ns and to_ns are bus times (canp/busclock.h), not stamps: all is read */
};
#define CANP_REPLAY_OPTS_INIT CANP_OPTS_INIT_(canp_replay_opts)

struct canp_replay_stats {
    uint64_t frames;       /* given to the sink */
    uint64_t loops;        /* runs through the recording, the last one perhaps incomplete */
    uint64_t lost;         /* frames that gaps from from_ns to to_ns say are missing */
    uint32_t damaged;      /* damaged places skipped */
    uint64_t scheduled_ns; /* from the first to the last frame, as they were due */
    uint64_t elapsed_ns;   /* the same as it was */
    int64_t drift_ns;      /* least lateness of the last frames minus that of the first, 128 to 256 each */
    bool stopped;          /* by `stop` */
    struct canp_histogram late_ns; /* each frame against its deadline, when it was put; empty at full speed */
};

/*
 * Runs until the end, `stop`, or an error (of the recording or the sink); *stats is filled in every case.
 * 0, or the error.
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
