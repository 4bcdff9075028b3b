/*
 * Tables: the records of a recording or log, or the values decoded from them, as arrays, one per field, for
 * programs that analyse columns. They can be handed over by the Arrow C data interface.
 *
 * A table does not change once it is made. It has owners, like a database: any number of threads may read it
 * at the same time, and its arrays are valid until the last canp_table_release().
 */
#ifndef CANP_TABLE_H
#define CANP_TABLE_H

#include <canp/column.h>
#include <canp/log.h>
#include <canp/transport.h>

CANP_BEGIN_DECLS

struct canp_table;
struct canp_table_reader; /* a position in a recording or log, from which tables are made */

/* Which arrays a table has. The names in Arrow are those below in lower case. */
#define CANP_TABLE_TIME    0x001U
#define CANP_TABLE_IFACE   0x002U
#define CANP_TABLE_ID      0x004U
#define CANP_TABLE_KIND    0x008U
#define CANP_TABLE_DIR     0x010U
#define CANP_TABLE_FLAGS   0x020U
#define CANP_TABLE_LENGTH  0x040U
#define CANP_TABLE_EXTRA   0x080U
#define CANP_TABLE_HW_TIME 0x100U
#define CANP_TABLE_DATA    0x200U
#define CANP_TABLE_SIGNAL  0x400U /* the last three only in tables of values */
#define CANP_TABLE_VALUE   0x800U
#define CANP_TABLE_RAW     0x1000U

/* The arrays of a table, NULL where it has none. Borrowed until the table is released. */
struct canp_table_arrays {
    uint64_t rows;
    const int64_t *times_ns; /* since 1970, as stored */
    const uint8_t *channels; /* canp_table_iface() names it */
    const uint32_t *ids;     /* with CANP_ID_*; XL: the priority word; of an event its code */
    const uint8_t *kinds;    /* enum canp_kind */
    const uint8_t *dirs;     /* enum canp_dir */
    const uint8_t *flags;    /* FD: CANP_FD_*; XL: its flags; else 0. Of a value: CANP_VALUE_* */
    const uint16_t *lengths; /* bytes of data; a remote frame has none and asks for so many */
    const uint64_t *extras;  /* classic: raw DLC 9..15, else 0; XL: the acceptance field, above it (from bit
                                32) the SDU type */
    const int64_t *hw_times_ns; /* the adapter's own stamp; INT64_MIN: none */
    const int64_t
        *starts; /* rows + 1 items: the data of row i is bytes[starts[i]] .. bytes[starts[i + 1] - 1] */
    const uint8_t *bytes;    /* of an event: what follows its header */
    const uint32_t *signals; /* index into the signals that were asked for */
    const double *values;    /* in the signal's unit */
    const uint64_t *raw;     /* as canp_value.raw */
};

struct canp_table_opts {
    size_t size;        /* canp/export.h */
    uint32_t fields;    /* CANP_TABLE_*; 0 = all that there are */
    uint64_t rows_max;  /* of one table; 0 = no bound */
    uint64_t bytes_max; /* a table ends when its data has so many bytes or more; 0 = no bound */
    bool frames_only;   /* no events; a log lends those that name its channels even when it selects frames */
};
#define CANP_TABLE_OPTS_INIT CANP_OPTS_INIT_(canp_table_opts)

/*
 * Opens a position at the first record that passes the cursor's options (NULL = all records, events among
 * them). Owned: *out, freed by canp_table_reader_close(); the reader must outlive it. -E2BIG, -EINVAL,
 * -ENOMEM, or an error of canp_cursor_open(). One thread at a time.
 */
CANP_API int canp_table_reader_open(struct canp_reader *reader, const struct canp_cursor_opts *what,
                                    const struct canp_table_opts *opts, struct canp_table_reader **out);

/* The same for any log, from where it stands, as selected by canp_log_select(). The log must outlive it;
 * nothing else may read from it. */
CANP_API int canp_table_reader_open_log(struct canp_log_reader *log, const struct canp_table_opts *opts,
                                        struct canp_table_reader **out);

struct canp_table_values {
    size_t size; /* canp/export.h */
    const struct canp_decoder *decoder;
    /* What is wanted, of the decoder's database, each once: canp_table_arrays.signals counts from 0 in this
     * order. */
    const struct canp_dbc_signal *const *signals;
    uint32_t signal_count;
    /* Messages that span several frames are put together by it. Borrowed; NULL: single frames only. It needs
     * the cursor or log to lend the frames of the transport protocol, so no filter of the messages' ids. */
    struct canp_transport *transport;
};
#define CANP_TABLE_VALUES_INIT CANP_OPTS_INIT_(canp_table_values)

/*
 * From here on tables hold decoded values instead of records, one row per value: time, channel, signal,
 * value, raw value and flags. The id is that of the frame or message. All that *values names is borrowed
 * until canp_table_reader_close(). Call it before the first canp_table_reader_next(). 0, -E2BIG, -EINVAL,
 * -ENOMEM.
 */
CANP_API int canp_table_reader_decode(struct canp_table_reader *reader,
                                      const struct canp_table_values *values);

CANP_API void canp_table_reader_close(struct canp_table_reader *reader); /* NULL is allowed */

/*
 * The next rows as a table: 1 and *out, owned by the caller until canp_table_release(); 0 at the end (after
 * canp_reader_refresh() there may be more); or a negative error: -ENOMEM, -ECANCELED (the reader's stop), an
 * error of reading, or -CANP_E_LOST, after which the last table may be wrong, as canp/reader.h says. After an
 * error that is not the last the next call continues. Memory: the table, at most doubled while it grows.
 */
CANP_API int canp_table_reader_next(struct canp_table_reader *reader, struct canp_table **out);

/* All rows that are left as one table, whatever rows_max and bytes_max say; it may have no rows. 0 or an
 * error, after which the next call continues. */
CANP_API int canp_table_reader_rest(struct canp_table_reader *reader, struct canp_table **out);

/* Damaged places of the recording, or lines and objects of the log, skipped so far. */
CANP_API uint64_t canp_table_reader_damaged(struct canp_table_reader *reader);

/* What was decoded so far; zeros where nothing is. */
CANP_API void canp_table_reader_counts(const struct canp_table_reader *reader,
                                       struct canp_decode_counts *out);

/* Adds an owner and returns the table; removes one. Any thread. NULL is allowed to release. */
CANP_API struct canp_table *canp_table_share(struct canp_table *table);
CANP_API void canp_table_release(struct canp_table *table);

CANP_API void canp_table_arrays(const struct canp_table *table, struct canp_table_arrays *out);

/* The name of a channel, "if3" where the recording has none. "" for a channel beyond those of the table.
 * Borrowed until the table is released. */
CANP_API const char *canp_table_iface(const struct canp_table *table, uint8_t channel);
CANP_API unsigned canp_table_iface_count(const struct canp_table *table);

/* ---- Arrow ------------------------------------------------------------------------------------------------
 */

#ifndef ARROW_C_DATA_INTERFACE /* as https://arrow.apache.org/docs/format/CDataInterface.html asks for */
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE           2
#define ARROW_FLAG_MAP_KEYS_SORTED    4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

/*
 * The table as a struct array, without copying: it is one more owner until array->release(). Times are
 * timestamps in ns (UTC), interfaces a dictionary of their names, data large_binary. `signals` (signal_count
 * names, copied; NULL: none) names the signals of a table of values. 0; -ENOMEM, with nothing filled.
 */
CANP_API int canp_table_arrow(struct canp_table *table, const char *const *signals, uint32_t signal_count,
                              struct ArrowSchema *schema, struct ArrowArray *array);

/* The same as a stream of this one table. */
CANP_API int canp_table_arrow_stream(struct canp_table *table, const char *const *signals,
                                     uint32_t signal_count, struct ArrowArrayStream *out);

CANP_END_DECLS

#endif
