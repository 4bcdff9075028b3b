/*
 * Triggers of canp record that are conditions on signals: `EngineSpeed > 6000`, `Gear.Mode == "reverse"`.
 * Opened by the main thread, asked by the recorder's flush thread; no lock, and no memory is allocated once
 * all interfaces have had a frame.
 */
#ifndef CANP_TOOLS_SIGNAL_TRIGGER_H
#define CANP_TOOLS_SIGNAL_TRIGGER_H

#include "decode_bus.h"
#include "lib/opts.h"

enum signal_relation {
    SIGNAL_LESS,
    SIGNAL_LESS_EQUAL,
    SIGNAL_GREATER,
    SIGNAL_GREATER_EQUAL,
    SIGNAL_EQUAL,
    SIGNAL_UNEQUAL
};

struct signal_condition {
    const char *typed; /* borrowed */
    char *name;        /* MESSAGE.SIGNAL, or the name of either */
    enum signal_relation relation;
    char *operand;
    const char *text; /* in it: what the value's text is compared with; NULL: `number` it is */
    double number;
};

struct signal_trigger {
    struct decode_choice choice;
    struct decode_bus bus;
    struct signal_condition conditions[OPT_LIST_MAX];
    unsigned count;
    uint64_t *of_column; /* bit 1 << condition, by the signal's column */
    const char *met;     /* by the frame at hand: as typed, or NULL */
};

/* Is it a condition, and not one of canp/recorder.h's triggers? Those have no < = >. */
bool signal_trigger_is(const char *text);

/* Takes one condition, borrowed. 0, or an exit status after saying what is wrong. signal_trigger_close() in
 * any case. */
int signal_trigger_add(struct signal_trigger *trigger, const char *command, const char *text);

/* When all are added: reads the databases and finds the signals. The same. */
int signal_trigger_open(struct signal_trigger *trigger, const char *command,
                        const struct opt_list *databases);
void signal_trigger_close(struct signal_trigger *trigger);

/* Does the frame, or the message that it completes, meet a condition? The condition as typed, else NULL. */
const char *signal_trigger_ask(struct signal_trigger *trigger, const char *iface,
                               const struct canp_record *record);

#endif
