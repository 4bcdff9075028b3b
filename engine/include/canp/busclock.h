/*
 * Bus time: the time of a record on a clock that nobody sets.
 *
 * Records have stamps of CLOCK_REALTIME. That clock may have been set, or the machine suspended, during the
 * recording, and logs contain single frames whose stamps are seconds off. Bus time is the stamp minus the
 * total by which the clock was set since the recording began; the difference of two records is the time that
 * passed on the bus while it was recorded.
 *
 * Clock records tell when the clock was set: the bus time of a record lies between those of the clock records
 * around it; time during which the machine was suspended does not count. In recordings without clock records
 * (imported logs) this rule applies to stamps more than CANP_BUSCLOCK_NEAR_NS off the latest one:
 *   - when the next records of every channel continue from there, the clock was set: backwards by any time,
 *     or forwards by more than CANP_BUSCLOCK_SILENCE_NS. This takes no bus time. A shorter step forwards is a
 *     silence on the bus;
 *   - when they do not, this one stamp is wrong ("odd"): the record gets the bus time of the previous one.
 *
 * When the clock was not set, bus time is the stamp. It never runs back by more than CANP_BUSCLOCK_NEAR_NS,
 * the most by which the records of different interfaces are out of order.
 *
 *     struct canp_busclock clock = CANP_BUSCLOCK_INIT;
 *     while (canp_cursor_next(cursor, &record) == 1)
 *         int64_t bus_ns = canp_busclock_time(&clock, cursor, &record);
 *
 * A clock is plain data without memory of its own: use one for one pass, in one thread.
 */
#ifndef CANP_BUSCLOCK_H
#define CANP_BUSCLOCK_H

#include <canp/reader.h>

CANP_BEGIN_DECLS

#define CANP_BUSCLOCK_NEAR_NS    INT64_C(1000000000)
#define CANP_BUSCLOCK_SILENCE_NS (86400 * INT64_C(1000000000))

/* Read `sets` and `odd`; all else is private. */
struct canp_busclock {
    uint64_t sets;         /* times that the clock was set or the machine suspended, as far as is known */
    uint64_t odd;          /* records with an odd stamp */
    int64_t line_ns;       /* bus time of the latest record */
    int64_t shift_ns;      /* how far stamps are ahead of bus time */
    int64_t shift_old_ns;  /* the value before the last change, for records from before it */
    int64_t straggle_ns;   /* such records may come until this bus time */
    int64_t realtime_ns;   /* of the last clock record, when anchored */
    int64_t monotonic_ns;  /* likewise */
    int64_t anchor_bus_ns; /* its bus time */
    uint8_t boot_id[16];
    int64_t leap_from_ns;  /* without a cursor: bus time before the last leap, */
    int64_t leap_to_ns;    /* behind it, */
    int64_t leap_shift_ns; /* and how far stamps were ahead before */
    uint32_t odd_left;     /* this many further records are odd if they are not near */
    bool begun;
    bool anchored;
    uint8_t leaps;     /* since then, of a record each */
    uint8_t leap_sets; /* counted in `sets` meanwhile */
};

#define CANP_BUSCLOCK_INIT                                                                                   \
    {                                                                                                        \
        0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, 0, 0, 0, false, false, 0, 0                                       \
    }

/* Private: canp_busclock_time() for a record that is no frame or not near the previous one. */
CANP_API int64_t canp_busclock_far(struct canp_busclock *clock, struct canp_cursor *cursor,
                                   const struct canp_record *record);

/*
 * The bus time of this record in ns. Call it for all records that the cursor lends, in their order and clock
 * records included; without clock records the rule above applies. `cursor` must have just lent the record,
 * alone or in a batch. When a stamp is far off, the records behind it are read, without moving the cursor.
 * With NULL as the cursor nothing can be read ahead: a stamp that runs back counts as a clock that was set,
 * one far ahead as a silence, until one of the next records returns to the time before; then it was odd, and
 * `sets`, `odd` and the time of what follows are put right.
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
    uint64_t sets; /* as in struct canp_busclock */
    uint64_t odd;
    int64_t ahead_ns; /* how far the last stamps are ahead of bus time: all sets of the clock together */
    bool plain;       /* every bus time is the record's stamp */
};

/*
 * The span of a recording in bus time. `info` is the latest result of canp_reader_info() or
 * canp_reader_info_quick(). When the clock was not set, only clock records or the blocks' time spans are
 * read.
 * 0 or a negative error.
 */
CANP_API int canp_busclock_span(struct canp_reader *reader, const struct canp_info *info,
                                struct canp_bus_span *out);

CANP_END_DECLS

#endif
