/*
 * Columns: one signal of a whole recording as arrays of time and value. Blocks without a frame of its message
 * are skipped, and of packed blocks only the lanes of that message are decoded.
 *
 * The values are those of canp_plan_decode(), in the order of the recording, which is nearly that of time. A
 * frame that is too short for the signal, or whose muxer selects other signals, gives no value and is
 * counted. Single frames are decoded; messages that span several frames (canp/transport.h) are not put
 * together.
 */
#ifndef CANP_COLUMN_H
#define CANP_COLUMN_H

#include <canp/decode.h>
#include <canp/reader.h>

CANP_BEGIN_DECLS

struct canp_column; /* a position in the column of one signal */

/* For canp_column_read() the caller provides arrays of `room` items each; canp_signal_column() allocates
 * them. NULL: not wanted. */
struct canp_column_arrays {
    size_t room;
    size_t count;      /* items filled */
    int64_t *times_ns; /* since 1970, as stored */
    double *values;    /* raw * factor + offset, in the signal's unit */
    uint64_t *raw;     /* the raw value; for a signed signal an int64_t, for a float or double its bits */
    uint8_t *flags;    /* CANP_VALUE_* */
    uint8_t *channels; /* canp_reader_iface() names it */
};

/* Zero-initialised by canp_column_open(); counters only grow. */
struct canp_column_counts {
    uint64_t frames; /* of the message, within the options */
    uint64_t values;
    uint64_t short_frames; /* frames that end before the signal */
    uint64_t unselected;   /* frames whose muxer selects other signals */
};

/* Which arrays canp_signal_column() fills besides times and values. */
#define CANP_COLUMN_RAW      0x01U
#define CANP_COLUMN_FLAGS    0x02U
#define CANP_COLUMN_CHANNELS 0x04U

struct canp_column_opts {
    size_t size;          /* canp/export.h */
    int64_t from_ns;      /* frames before and after are skipped; 0 = from the start, to the end */
    int64_t to_ns;        /* (for 1970-01-01 itself give -1 or 1) */
    uint64_t channels[4]; /* a bit for each channel; all 0 = all */
    uint8_t dirs;         /* bit 1 << enum canp_dir; 0 = all */
    uint32_t with;        /* CANP_COLUMN_*; only for canp_signal_column() */
    void (*on_damage)(void *user, const struct canp_damage *damage); /* or NULL; within reading */
    void *user;
};
#define CANP_COLUMN_OPTS_INIT CANP_OPTS_INIT_(canp_column_opts)

/*
 * Opens a column at its first value. The signal must be one of the decoder's database. A frame belongs to the
 * signal's message when canp_decoder_plan() says so: J1939 messages are found by their group, from any
 * source. Owned: *out, freed by canp_column_close(); reader and decoder must outlive it. -EINVAL: the signal
 * has more than 64 bits, its muxer is not known, or its message is never found since another one has its id;
 * -E2BIG (canp/export.h); -ENOMEM. opts NULL: CANP_COLUMN_OPTS_INIT. A column belongs to one thread at a
 * time; one reader and decoder may have any number of columns, in any threads.
 */
CANP_API int canp_column_open(struct canp_reader *reader, const struct canp_decoder *decoder,
                              const struct canp_dbc_signal *signal, const struct canp_column_opts *opts,
                              struct canp_column **out, struct canp_why *why);
CANP_API void canp_column_close(struct canp_column *column); /* NULL is allowed */

/*
 * Reads the next values, at most arrays->room. Returns their number; 0 at the end (after
 * canp_reader_refresh() there may be more); or a negative error, with nothing filled: -ECANCELED (the
 * reader's stop), -ENOMEM, or -CANP_E_LOST: a file was cut or became unreadable while it was read, so the
 * values of its last block, which earlier calls returned, may be wrong; the next call continues behind it.
 * Damaged blocks are skipped and counted. It allocates only what a cursor needs, so the memory does not
 * depend on the recording's size.
 */
CANP_API int64_t canp_column_read(struct canp_column *column, struct canp_column_arrays *arrays);

CANP_API void canp_column_counts(const struct canp_column *column, struct canp_column_counts *out);

/* Damaged places skipped so far. */
CANP_API uint32_t canp_column_damaged(const struct canp_column *column);

/*
 * Reads the whole column at once. 0 and *out, whose arrays the caller frees by canp_column_arrays_release();
 * or an error of canp_column_open() or canp_column_read(), with *out all zeros. counts and damaged may be
 * NULL. The arrays take 16 bytes per value, more with opts->with. Without values they have no items.
 */
CANP_API int canp_signal_column(struct canp_reader *reader, const struct canp_decoder *decoder,
                                const struct canp_dbc_signal *signal, const struct canp_column_opts *opts,
                                struct canp_column_arrays *out, struct canp_column_counts *counts,
                                uint32_t *damaged, struct canp_why *why);

/* Frees what canp_signal_column() allocated, and zeroes the struct. */
CANP_API void canp_column_arrays_release(struct canp_column_arrays *arrays);

CANP_END_DECLS

#endif
