/*
 * The signals of `canp top --dbc`: each one's last value, and its history, a value for each stretch of a
 * quarter of a second. Signals are told apart by interface and, of J1939 and its kin, by source. No screen.
 * One thread.
 */
#ifndef CANP_TOOLS_TOP_SIGNALS_H
#define CANP_TOOLS_TOP_SIGNALS_H

#include "signals/decode_bus.h"

#define TOP_SIGNALS_MAX        4096U /* further ones are counted together */
#define TOP_HISTORY            40U   /* stretches */
#define TOP_STRETCH_NS         INT64_C(250000000)
#define TOP_SIGNAL_WORDS_BYTES 40

struct top_signal {
    const struct canp_dbc_signal *signal; /* NULL: free */
    uint32_t id;
    uint8_t channel;
    uint32_t from;
    uint64_t count;
    struct canp_value last;
    char words[TOP_SIGNAL_WORDS_BYTES]; /* the last value's text or characters, spelled; empty: none */
    int64_t stretch;                    /* of the last value */
    double history[TOP_HISTORY];        /* by stretch % TOP_HISTORY: its last number, NaN = none */
};

struct top_signals {
    struct decode_choice choice;
    struct decode_bus bus;
    struct top_signal *slots; /* open addressing */
    const struct top_signal **sorted;
    unsigned count;
    uint64_t unlisted; /* values of signals beyond TOP_SIGNALS_MAX */
    int64_t last_ns;   /* of any frame */
    uint8_t channel;   /* of the frame at hand */
};

/* The choice is made. 0 or -ENOMEM; top_signals_close() in any case, which closes the choice, too. */
int top_signals_open(struct top_signals *signals);
void top_signals_close(struct top_signals *signals);
void top_signals_reset(struct top_signals *signals);

/* A classic or FD frame of this interface. 0 or -ENOMEM. */
int top_signals_feed(struct top_signals *signals, const char *iface, const struct canp_record *record);

/* By interface, message and signal, in the databases' order; borrowed until the next call. Their number. */
unsigned top_signals_sorted(struct top_signals *signals, const struct top_signal *const **out);

/* Levels 1 to 8 of the last `columns` stretches, the newest last, 0 where there was no value yet or none any
 * more; between its values a signal keeps its level. At most TOP_HISTORY. */
void top_signal_levels(const struct top_signal *signal, int64_t now_ns, uint8_t *levels, unsigned columns);

#endif
