/* canp dump --dbc: prints frames as dump does, each followed by its signals. Main thread. */
#ifndef CANP_TOOLS_DUMP_SIGNALS_H
#define CANP_TOOLS_DUMP_SIGNALS_H

#include <canp/log.h>

#include "decode_bus.h"
#include "decode_print.h"
#include "isotp_pairs.h"

struct dump_signals {
    const char *command;
    struct canp_log_reader *reader;
    const char *format;                 /* of the frames: candump, screen or json */
    struct canp_log_write_opts writing; /* likewise */
    const struct opt_list *files;       /* [IFACE=]FILE */
    struct isotp_pairs isotp;
    struct canp_transport_opts transport;
    struct decode_choice choice;
    struct decode_bus bus;
    struct decode_printer printer;
    struct canp_log_writer *writer; /* into memory, a record at a time */
    unsigned decoded;               /* of the frame at hand */
    uint64_t printed;               /* frames */
};

/* 0, or an exit status after saying so. dump_signals_close() in any case. */
int dump_signals_open(struct dump_signals *signals);
void dump_signals_close(struct dump_signals *signals);

/* All that there is now, to stdout. 0, -EPIPE, or an exit status after saying what is wrong. */
int dump_signals(struct dump_signals *signals);

/* Says what gave no value: frames too short, messages of several frames that did not end. */
void dump_signals_report(const struct dump_signals *signals);

#endif
