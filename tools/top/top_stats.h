/*
 * What `canp top` counts: per interface and per ID, fed record by record. Pure arithmetic over the records'
 * own times; no screen, no clock. One thread.
 */
#ifndef CANP_TOOLS_TOP_STATS_H
#define CANP_TOOLS_TOP_STATS_H

#include <canp/frame.h>

#define TOP_IFACES_MAX 256U
#define TOP_IDS_MAX    8192U /* more IDs are counted together */
#define TOP_WINDOW     11U   /* looks that a rate is taken over, ends included */
#define TOP_DATA_BYTES 64U

/* One look at an interface's sums. */
struct top_look {
    int64_t time_ns;
    uint64_t frames;
    uint64_t busy_ns;
};

struct top_iface {
    char name[CANP_IFACE_NAME_BYTES];
    bool known; /* named, or had a record */
    uint32_t bitrate, dbitrate;
    uint64_t frames, error_frames;
    uint64_t busy_ns; /* time on the bus, by canp/bustime.h; 0 without bit rate */
    uint64_t lost_socket, lost_device, lost_other;
    uint32_t state; /* enum can_state, UINT32_MAX = unknown */
    uint16_t tx_errors, rx_errors;
    int link;    /* 1 up, 0 down, -1 gone */
    double rate; /* frames/s over the last looks */
    double load; /* permille of the bus, likewise */
    struct top_look looks[TOP_WINDOW];
    unsigned look_count;
};

struct top_id {
    uint32_t id; /* with flags; XL: the priority */
    uint8_t channel, kind, len;
    bool used;
    uint64_t count;
    int64_t last_ns;
    double period_ns; /* smoothed over about 8 frames */
    double jitter_ns; /* likewise: mean distance from the period */
    uint8_t data[TOP_DATA_BYTES];
};

struct top_stats {
    struct top_iface ifaces[TOP_IFACES_MAX];
    unsigned iface_count;               /* highest known + 1 */
    struct top_id ids[TOP_IDS_MAX * 2]; /* open addressing */
    unsigned id_count;
    uint64_t unlisted;         /* frames of IDs beyond TOP_IDS_MAX */
    int64_t first_ns, last_ns; /* of any frame */
    uint64_t frames;
};

enum top_sort { TOP_BY_COUNT, TOP_BY_ID, TOP_BY_PERIOD, TOP_BY_JITTER, TOP_BY_TIME };

void top_init(struct top_stats *s);
/* Counts anew; names, rates of the bus and states stay. */
void top_reset(struct top_stats *s);
void top_feed(struct top_stats *s, const struct canp_record *r);
void top_name(struct top_stats *s, unsigned channel, const char *name, uint32_t bitrate, uint32_t dbitrate);

/* Now and then: takes the rates between this look and the ones before. */
void top_look(struct top_stats *s, int64_t time_ns);

/* For a recording that is complete: rates over all of it. */
void top_average(struct top_stats *s);

/* The IDs in the order asked for; returns how many, at most TOP_IDS_MAX. */
unsigned top_sorted(struct top_stats *s, enum top_sort sort, const struct top_id *out[TOP_IDS_MAX]);

#endif
