/* canp dump --transport: prints messages that were put together from several frames. Main thread. */
#ifndef CANP_TOOLS_DUMP_MESSAGES_H
#define CANP_TOOLS_DUMP_MESSAGES_H

#include <canp/log.h>

#include "isotp_pairs.h"

struct dump_messages {
    const char *command;
    struct canp_log_reader *reader;
    struct canp_transport *transport;
    struct isotp_pairs isotp;
    bool json;
    uint64_t printed;
};

/* 0, or an exit status after saying so. dump_messages_close() in any case. */
int dump_messages_open(struct dump_messages *messages);
void dump_messages_close(struct dump_messages *messages);

/* All that there is now, to stdout. 0, -EPIPE, or an exit status after saying what is wrong. */
int dump_messages(struct dump_messages *messages);

/* Says what began and gave no message. */
void dump_messages_report(const struct dump_messages *messages);

#endif
