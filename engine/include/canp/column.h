/*
 * Columns: one signal of a whole recording as arrays of time and value. Blocks that hold no frame of its
 * message are passed over, and of packed blocks only the lanes of that message are decoded.
 *
 * Values are those of canp_plan_decode(): in the recording's order, which is nearly by time; a frame that is
 * too short for the signal, or whose muxer selects others, gives none and is counted. Frames are decoded as
 * they are: messages that several frames bring (canp/transport.h) are not put together here.
 */
#ifndef CANP_COLUMN_H
#define CANP_COLUMN_H

#include <canp/decode.h>
#include <canp/reader.h>

CANP_BEGIN_DECLS

struct canp_column; /* a place in one signal's column */

/* The callers of canp_column_read() give arrays with room for `room` items each; those of
 * canp_signal_column() get them. NULL: it is not wanted. */
struct canp_column_arrays {
    size_t room;
    size_t count;      /* items filled */
    int64_t *times_ns; /* since 1970, as stored */
    double *values;    /* raw * factor + offset, in the signal's unit */
    uint64_t *raw;     /* exact; of a signed signal int64_t, of a float or double its bits */
    uint8_t *flags;    /* CANP_VALUE_* */
    uint8_t *channels; /* canp_reader_iface() names it */
};

/* Zero-initialised by canp_column_open(); counters only grow. */
struct canp_column_counts {
    uint64_t frames; /* of the message, within the options */
    uint64_t values;
    uint64_t short_frames; /* that end before the signal */
    uint64_t unselected;   /* whose muxer selects other signals */
};

/* What canp_signal_column() is to fill beside times and values. */
#define CANP_COLUMN_RAW      0x01U
#define CANP_COLUMN_FLAGS    0x02U
#define CANP_COLUMN_CHANNELS 0x04U

struct canp_column_opts {
    size_t size;          /* canp/export.h */
    int64_t from_ns;      /* frames before and after are skipped; 0 = from the start, to the end */
    int64_t to_ns;        /* (at the epoch itself, 1970: -1, 1) */
    uint64_t channels[4]; /* a bit for each channel; all 0 = all */
    uint8_t dirs;         /* bit 1 << enum canp_dir; 0 = all */
    uint32_t with;        /* CANP_COLUMN_*; canp_signal_column() alone */
    void (*on_damage)(void *user, const struct canp_damage *damage); /* or NULL; within reading */
    void *user;
};
#define CANP_COLUMN_OPTS_INIT CANP_OPTS_INIT_(canp_column_opts)

/*
 * In front of the first value. The signal is one of the decoder's database; frames are of its message when
 * canp_decoder_plan() finds that: J1939 messages by their group, from any source. Owned: *out, freed by
 * canp_column_close(); reader and decoder must outlive it. -EINVAL: a signal of more than 64 bits, one that
 * nobody knows the muxer of, or whose message is never found (another one has its id); -E2BIG
 * (canp/export.h), -ENOMEM. opts NULL: CANP_COLUMN_OPTS_INIT. One thread at a time for each column; any
 * number of columns, in any threads, of one reader and decoder.
 */
CANP_API int canp_column_open(struct canp_reader *reader, const struct canp_decoder *decoder,
                              const struct canp_dbc_signal *signal, const struct canp_column_opts *opts,
                              struct canp_column **out, struct canp_why *why);
CANP_API void canp_column_close(struct canp_column *column); /* NULL is allowed */

/*
 * The next values, at most arrays->room: their number, 0 at the end of what is there now (after
 * canp_reader_refresh() there may be more), or a negative error, with nothing filled: -ECANCELED (the
 * reader's stop), -ENOMEM, -CANP_E_LOST: a file was cut or broke while it was read, and the values of its
 * last block, which earlier calls gave, may be wrong; one may go on. Damaged blocks are skipped and counted.
 * Nothing is allocated but what a cursor needs: the memory is bounded whatever the recording's size.
 */
CANP_API int64_t canp_column_read(struct canp_column *column, struct canp_column_arrays *arrays);

CANP_API void canp_column_counts(const struct canp_column *column, struct canp_column_counts *out);

/* Damaged places skipped so far. */
CANP_API uint32_t canp_column_damaged(const struct canp_column *column);

/*
 * The whole column at once. 0 and *out, whose arrays are the caller's until canp_column_arrays_release();
 * errors of canp_column_open() and canp_column_read(), *out is all zeros then. counts and damaged may be
 * NULL. The arrays take 16 bytes a value and more by opts->with; a column without values has arrays of no
 * room.
 */
CANP_API int canp_signal_column(struct canp_reader *reader, const struct canp_decoder *decoder,
                                const struct canp_dbc_signal *signal, const struct canp_column_opts *opts,
                                struct canp_column_arrays *out, struct canp_column_counts *counts,
                                uint32_t *damaged, struct canp_why *why);

/* Frees what canp_signal_column() made, and zeroes the struct. */
CANP_API void canp_column_arrays_release(struct canp_column_arrays *arrays);

CANP_END_DECLS

#endif
