/*
 * The interface of a format: the functions behind canp/log.h. A format is one file (or folder) that defines
 * one constant struct canp_log_format, and one line in log_table.h. README.md says how to add one.
 *
 * A format keeps no state outside of `reader->state` and `writer->state`; one thread at a time.
 */
#ifndef CANP_FORMATS_LOG_FORMAT_H
#define CANP_FORMATS_LOG_FORMAT_H

#include <canp/busclock.h>
#include <canp/log.h>

#include "formats/bytes/sink.h"
#include "formats/bytes/source.h"
#include "formats/channels.h"

/* The beginning of a file, as a probe gets it. */
struct canp_log_head {
    const uint8_t *bytes;
    size_t length;
    bool at_end;      /* that is all of it */
    const char *path; /* for what has no signature; NULL when it is not known */
};

enum canp_log_verdict {
    CANP_LOG_NOT_MINE = 0,
    CANP_LOG_MINE,
    CANP_LOG_UNSURE,  /* more bytes would tell: asked again with more, up to CANP_SOURCE_HEAD_MAX; never
                         answered at_end */
    CANP_LOG_REFUSED, /* it is what `what` says, and cannot be read: "an ASC file of LIN frames" */
};

/* Where a format builds the record that it lends. */
union canp_log_store {
    struct canp_frame frame;
    struct canp_xl_frame xl;
    struct canp_event event;
    struct canp_gap gap;
    struct canp_link_event link;
    struct canp_clock clock;
    union canp_frame_store can_bytes;
    union canp_xl_frame_store xl_bytes;
    uint8_t bytes[sizeof(struct canp_event) + 2064];
};

struct canp_log_reader {
    const struct canp_log_format *format;
    void *state; /* the format's own: format->reader_bytes, zeroed at open */
    struct canp_source source;
    struct canp_channels channels;
    struct canp_log_stats stats;
    struct canp_why why; /* of the first error */
    char *path;          /* NULL: a descriptor */
    struct canp_log_read_opts opts;
    /* The rest is log_reader.c's. */
    struct canp_log_selection asked;     /* as given: for a rewind */
    struct canp_log_selection selection; /* the same, relative times resolved */
    bool has_selection;
    bool has_begun;
    bool can_rewind;
    int error;
    bool has_origin; /* the first frame was met: relative times of the selection are none any more */
    struct canp_busclock clock;
    unsigned told;           /* channels whose definition was lent */
    struct canp_record held; /* waits until the definitions before it were lent */
    bool has_held;
    bool wanted[CANP_CHANNELS_MAX]; /* with selection.iface_count: is the channel among them? */
    int owned_fd;
    union canp_log_store store; /* last: what it holds ends in flexible arrays */
};

struct canp_log_writer {
    const struct canp_log_format *format;
    void *state; /* the format's own: format->writer_bytes, zeroed at create */
    struct canp_sink sink;
    struct canp_channels channels; /* by the numbers of the records that are written */
    uint32_t lacks;                /* capabilities that the format or the style lacks; log_writer.c's */
    unsigned style;
    struct canp_log_write_stats stats;
    char *path;
    /* The rest is log_writer.c's. */
    char *map;
    int error;
};

struct canp_log_format {
    struct canp_log_format_info info;
    /* Is this file of my format? `what` (never NULL) is filled when refusing. NULL: only by its name. */
    enum canp_log_verdict (*probe)(const struct canp_log_head *head, struct canp_why *what);

    size_t reader_bytes;
    bool by_path; /* reads reader->path itself; the source is closed */
    /* The source stands at the file's beginning. 0 or an error with its `why`. NULL: nothing to do. */
    int (*open)(struct canp_log_reader *reader, struct canp_why *why);
    /* The next record: 1; 0 at the end; or a negative error. The record lends from reader->store, the state
     * or the source. channel and the rest are set by the format; row_bytes may be 0. */
    int (*next)(struct canp_log_reader *reader, struct canp_record *out);
    void (*close)(struct canp_log_reader *reader); /* what the state owns; NULL: nothing */
    /* Optional. Applies the selection beforehand where that saves reading; what stands in it behind is
     * applied to what next() yields in any case, relative times by the first record. Called once, before
     * next(). */
    int (*select)(struct canp_log_reader *reader, struct canp_log_selection *selection);
    int (*refresh)(struct canp_log_reader *reader);
    bool (*is_live)(const struct canp_log_reader *reader);

    size_t writer_bytes;
    bool creates_path; /* writes writer->path itself; there is no sink */
    int (*create)(struct canp_log_writer *writer, struct canp_why *why); /* NULL: nothing to do */
    /* A record of a kind that info.writes has (frames of kinds it lacks, gaps and so on are counted as lost
     * before). Its channel is defined. IFACE records come only with CANP_LOG_IFACES: the names are in
     * writer->channels for all. 0 or a negative error. */
    int (*write)(struct canp_log_writer *writer, const struct canp_record *record);
    int (*flush)(struct canp_log_writer *writer);  /* NULL: nothing but the sink is to be flushed */
    int (*finish)(struct canp_log_writer *writer); /* trailers, patches of the header; NULL: nothing to do */
    void (*discard)(struct canp_log_writer *writer); /* what the state owns, always called; NULL: nothing */
};

/*
 * A probe for formats of lines. judge() says of a line without its end: 1 = mine; 0 = it tells nothing (a
 * comment, an empty line); -1 = not mine. Some lines that are not may stand before one that is.
 */
enum canp_log_verdict canp_log_probe_lines(const struct canp_log_head *head,
                                           int (*judge)(const char *line, size_t bytes));

/* A probe for formats whose files begin with this text. */
enum canp_log_verdict canp_log_probe_begin(const struct canp_log_head *head, const char *text);

/* ---- for readers ---------------------------------------------------------------------------------- */

/* Counts a line or object that cannot be read; `reason` is static, `text` its beginning (NULL, 0 for none).
 * The place is the source's last line, or `offset` for what is no text. */
void canp_log_bad_line(struct canp_log_reader *reader, const char *reason, const char *text, size_t bytes);
void canp_log_bad_object(struct canp_log_reader *reader, const char *reason, uint64_t offset);
/* Counts something that is passed over and is no damage. `what` is static, in plural: "LIN frames". */
void canp_log_pass(struct canp_log_reader *reader, const char *what);
void canp_log_pass_many(struct canp_log_reader *reader, const char *what, uint64_t count);

/* The channel of an interface's name (up to 15 bytes, more is cut) or of the log's number for it, made when
 * it is new. Its number or -CANP_E_TOO_MANY. */
static inline int canp_log_channel_named(struct canp_log_reader *reader, const char *name, size_t bytes)
{
    return canp_channels_named(&reader->channels, name, bytes);
}
static inline int canp_log_channel_numbered(struct canp_log_reader *reader, uint32_t number)
{
    return canp_channels_numbered(&reader->channels, number);
}

/* An error of the file's, with its sentence, which begins with the file's name: `return
 * canp_log_error(reader, r, "…", …)`. */
int canp_log_error(struct canp_log_reader *reader, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Fills *out for a record that lies in reader->store. */
static inline int canp_log_lend(struct canp_log_reader *reader, struct canp_record *out, int64_t time_ns,
                                uint8_t kind, uint8_t channel, uint8_t dir)
{
    *out = (struct canp_record){.time_ns = time_ns, .kind = kind, .channel = channel, .dir = dir};
    out->frame = &reader->store.frame; /* the union's members all begin here */
    return 1;
}

/* A reader without a file, whose format has its records from elsewhere (log_merge.c); its state is zeroed.
 * NULL: no memory. */
struct canp_log_reader *canp_log_reader_make(const struct canp_log_format *format);

/* ---- for writers ---------------------------------------------------------------------------------- */

static inline void canp_log_lose(struct canp_log_writer *writer, enum canp_log_loss loss)
{
    writer->stats.losses[loss]++;
}

/* The interface's name of a record's channel, as it is: text formats write it by canp_put_iface() or
 * canp/safe_text.h. Readable for CANP_IFACE_NAME_BYTES. */
static inline const char *canp_log_name(const struct canp_log_writer *writer, uint8_t channel)
{
    return writer->channels.of[channel].iface.name;
}

/* The number it is written under (CANP_LOG_NUMBERED). */
static inline uint32_t canp_log_number(const struct canp_log_writer *writer, uint8_t channel)
{
    return writer->channels.of[channel].number;
}

/* ---- the table ------------------------------------------------------------------------------------ */

/* NULL behind the last. */
const struct canp_log_format *canp_log_format_get(unsigned index);
const struct canp_log_format *canp_log_format_find(const char *name);

#endif
