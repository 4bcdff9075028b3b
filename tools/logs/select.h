/*
 * Selects a part of a recording or log for a command: --from, --to, candump filters and interface names. Main
 * thread.
 */
#ifndef CANP_TOOLS_SELECT_H
#define CANP_TOOLS_SELECT_H

#include <canp/filter.h>
#include <canp/log.h>
#include <canp/reader.h>

#define SELECT_IFACES_MAX 32

struct selection {
    const char *from, *to; /* as typed, NULL = open */
    int64_t from_ns, to_ns;
    bool bus_window; /* they are bus times (canp/busclock.h), not stamps */
    struct canp_filter_set filters;
    const char *ifaces[SELECT_IFACES_MAX];
    unsigned iface_count; /* 0 = all */
    bool has_filters;
    uint8_t dirs; /* of frames: bit 1 << enum canp_dir; 0 = all */
};

/*
 * Takes one argument: a filter of candump's, a bare ID (7DF, 18FEF100: exactly that one), `rx` or `tx`, or an
 * interface's name. 0, or an exit status after saying what is wrong.
 */
int select_add(struct selection *s, const char *command, const char *argument);

/* Is it a filter, and no name? */
bool select_is_filter(const char *argument);

/* Applies it all to a log that was opened. The selection outlives the reader. 0 or an exit status. */
int select_log(struct selection *s, const char *command, struct canp_log_reader *reader);
void select_tell_unknown_in_log(const struct selection *s, const char *command,
                                const struct canp_log_reader *reader);

/* Resolves --from and --to against the recording's first record: +TIME is so much bus time behind it. 0 or an
 * exit status. */
int select_window(struct selection *s, const char *command, struct canp_reader *reader);

/* Anything asked for that a record might not match? */
bool select_is_narrow(const struct selection *s);

/* Says why nothing may have matched, if an interface was asked for that the recording does not name: an ID
 * without its mask, for one. */
void select_tell_unknown(const struct selection *s, const char *command, const struct canp_reader *reader);

/* Does the record pass, times aside? `iface` is its interface's name. */
bool select_match(const struct selection *s, const struct canp_record *record, const char *iface);

/* The name of the record's interface; `if` and the channel's number where the recording has none. Lent until
 * the next call; readable for CANP_IFACE_NAME_BYTES. */
const char *select_iface_name(const struct canp_reader *reader, uint8_t channel);

#endif
