/*
 * Bus time: when a record happened, by a clock that nobody sets.
 *
 * Records are stamped with CLOCK_REALTIME as it was. Somebody may have set it, or the machine was suspended,
 * and logs have single frames whose stamps are seconds off. Bus time is the stamp less how far the clock was
 * set since the recording began: what lies between two records is what passed on a bus that was recorded.
 *
 * Where the recording has clock records they say so: the bus time of a record lies between those of the clock
 * records around it; what passed while the machine was suspended does not count. Where it has none (imported
 * logs) this is the rule, for stamps more than CANP_BUSCLOCK_NEAR_NS off the latest one:
 *   - when the next records of every channel go on from there, the clock was set: back by any time, forward
 *     by more than CANP_BUSCLOCK_SILENCE_NS. That took no bus time. A shorter step forward is a silence;
 *   - when they do not, the stamp is odd, early or late: the record has the bus time of the one before it.
 *
 * In recordings whose clock was not set bus time is the stamp. It never runs back by more than
 * CANP_BUSCLOCK_NEAR_NS, which interfaces recorded in turn may be apart.
 *
 *     struct canp_busclock clock = CANP_BUSCLOCK_INIT;
 *     while (canp_cursor_next(cursor, &record) == 1)
 *         int64_t bus_ns = canp_busclock_time(&clock, cursor, &record);
 *
 * Plain data, no memory of its own: one clock for one pass, one thread.
 */
#ifndef CANP_BUSCLOCK_H
#define CANP_BUSCLOCK_H

#include <canp/reader.h>

CANP_BEGIN_DECLS

#define CANP_BUSCLOCK_NEAR_NS    INT64_C(1000000000)
#define CANP_BUSCLOCK_SILENCE_NS (86400 * INT64_C(1000000000))

/* Read `sets` and `odd`; all else is private. */
struct canp_busclock {
    uint64_t sets;         /* how often the clock was set or the machine was suspended, as far as was told */
    uint64_t odd;          /* records with an odd stamp */
    int64_t line_ns;       /* bus time of the latest record */
    int64_t shift_ns;      /* how far stamps are ahead of bus time, */
    int64_t shift_old_ns;  /* and were before that changed; a record of then may come */
    int64_t straggle_ns;   /* until this bus time */
    int64_t realtime_ns;   /* of the last clock record, when anchored; */
    int64_t monotonic_ns;  /* likewise */
    int64_t anchor_bus_ns; /* its bus time */
    uint8_t boot_id[16];
    uint32_t odd_left; /* so many records more are odd, if they are not near */
    bool begun;
    bool anchored;
};

#define CANP_BUSCLOCK_INIT                                                                                   \
    {                                                                                                        \
        0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, false, false                                                      \
    }

/* Of a record that is not near the one before, or no frame. */
CANP_API int64_t canp_busclock_far(struct canp_busclock *clock, struct canp_cursor *cursor,
                                   const struct canp_record *record);

/*
 * The bus time of this record, ns: in the order of the recording, all records that the cursor lends, clock
 * records among them (without them it goes by the rule above). `cursor` has just lent it, alone or in a
 * batch, and is not moved: where a stamp is far off, what comes behind it is looked at. NULL: nothing is
 * known of what comes; then every stamp that runs back is a clock that was set.
 */
static inline int64_t canp_busclock_time(struct canp_busclock *clock, struct canp_cursor *cursor,
                                         const struct canp_record *record)
{
    int64_t bus_ns = (int64_t)((uint64_t)record->time_ns - (uint64_t)clock->shift_ns);
    uint64_t beyond_ns = (uint64_t)bus_ns - (uint64_t)clock->line_ns + (uint64_t)CANP_BUSCLOCK_NEAR_NS;
    if (beyond_ns > 2 * (uint64_t)CANP_BUSCLOCK_NEAR_NS || !clock->begun || !canp_kind_is_frame(record->kind))
        return canp_busclock_far(clock, cursor, record);
    if (beyond_ns > (uint64_t)CANP_BUSCLOCK_NEAR_NS)
        clock->line_ns = bus_ns;
    return bus_ns;
}

/* What canp_busclock_span() found. */
struct canp_bus_span {
    int64_t first_ns; /* bus time of the first and the last frame; both 0 when there is none */
    int64_t last_ns;
    uint64_t sets; /* of the clock, as canp_busclock has them */
    uint64_t odd;
    int64_t ahead_ns; /* how far the last stamps are ahead of bus time: all sets of the clock together */
    bool plain;       /* bus times are stamps, as they stand */
};

/*
 * The span of a recording in bus time. `info` is what canp_reader_info() or canp_reader_info_quick() said
 * last; a recording whose clock was not set is read no further than its clock records, or its blocks' spans.
 * 0 or a negative error.
 */
CANP_API int canp_busclock_span(struct canp_reader *reader, const struct canp_info *info,
                                struct canp_bus_span *out);

CANP_END_DECLS

#endif
