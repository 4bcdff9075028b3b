/* Collects what info shows of a recording's events: notes, clock steps, windows, interfaces that changed.
 * Main thread. */
#ifndef CANP_TOOLS_INFO_EVENTS_H
#define CANP_TOOLS_INFO_EVENTS_H

#include <canp/reader.h>

#define INFO_NOTES_MAX   64
#define INFO_STEPS_MAX   16
#define INFO_NOTE_BYTES  1024
#define INFO_REMARKS_MAX 64
#define INFO_CHANGES_MAX 16
#define INFO_CHANNELS    256

struct info_events {
    char notes[INFO_NOTES_MAX][INFO_NOTE_BYTES]; /* KEY=VALUE, each key once, its last value */
    unsigned note_count;                         /* more than fit are left out */
    struct {
        int64_t time_ns;
        char text[INFO_NOTE_BYTES];
    } remarks[INFO_REMARKS_MAX]; /* notes with the key `note`: each by itself, in recorded order */
    unsigned remark_count;       /* all; the first INFO_REMARKS_MAX are kept */
    struct {
        int64_t time_ns; /* of the first clock record behind it */
        int64_t step_ns; /* how far the clock was set ahead */
    } steps[INFO_STEPS_MAX];
    unsigned step_count; /* all; the first INFO_STEPS_MAX are kept */
    struct {
        int64_t time_ns; /* when the machine had woken up */
        int64_t suspended_ns;
    } suspends[INFO_STEPS_MAX];
    unsigned suspend_count; /* likewise */
    struct {
        int64_t time_ns;
        struct canp_iface iface; /* from then on */
    } changes[INFO_CHANGES_MAX]; /* of an interface's name, MTU, bit rates or modes, behind its first
                                    definition */
    unsigned change_count;       /* likewise */
    unsigned windows;            /* begun by triggers */
    uint64_t outside;            /* frames that lay in none */
};

/* Records taken one after the other; of all but `out` zero at first. What is no event is passed over. */
struct info_events_scan {
    struct info_events *out;
    struct canp_clock last;
    bool has_last;
    struct canp_iface ifaces[INFO_CHANNELS]; /* as last defined; `bytes` 0: not yet */
};
void info_events_take(struct info_events_scan *scan, const struct canp_record *record);

/* Reads the blocks that hold events. 0 or a negative error. */
int info_events_read(struct canp_reader *reader, struct info_events *out);

void info_events_print_json(const struct info_events *events);
void info_events_print_text(const struct info_events *events);

#endif
