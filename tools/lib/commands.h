/* The sub-commands of canp: one X-macro list makes the dispatch table, the help and the completions. */
#ifndef CANP_TOOLS_COMMANDS_H
#define CANP_TOOLS_COMMANDS_H

/* Exit statuses of every command. */
enum canp_exit {
    CANP_EXIT_DONE = 0,
    CANP_EXIT_FINDING = 1, /* damage found, nothing matched */
    CANP_EXIT_USAGE = 2,
    CANP_EXIT_ENVIRONMENT = 3, /* environment or I/O */
};

/* X(name, summary): commands that every build has. */
#define CANP_COMMANDS_CORE(X)                                                                                \
    X(collect, "recordings from what vehicles shipped to a NATS server")                                     \
    X(convert, "logs of any format into any other")                                                          \
    X(dbc, "list and check a signal database, or compare two")                                               \
    X(decode, "a log's bytes into signals with units, by signal databases")                                  \
    X(diff, "how the traffic of two logs differs, ID by ID")                                                 \
    X(dump, "print a recording: candump log lines, JSON or CSV")                                             \
    X(fleet, "what each vehicle of a fleet last said of itself")                                             \
    X(info, "summarise a recording: frames, losses, times, interfaces, IDs")                                 \
    X(merge, "several recordings into one, by time")                                                         \
    X(pack, "re-encode sealed segments in place: the same records, smaller")                                 \
    X(report, "one page about a recording, for a browser")                                                   \
    X(ship, "send recordings to a NATS server, as they grow")                                                \
    X(sql, "ask recordings and logs in SQL")                                                                 \
    X(verify, "read and check everything, name each damaged place")                                          \
    X(repair, "copy all that is intact into a new recording, gaps marked")

/* Commands that need CAN sockets (CANP_CAPTURE). */
#define CANP_COMMANDS_CAPTURE(X)                                                                             \
    X(ctl, "ask and command a running recorder: status, rotate, trigger, stop, note, metrics")               \
    X(gen, "make CAN traffic: a simulated vehicle, or a flood")                                              \
    X(link, "CAN interfaces: state, error counters, bit rates; up, down, restart")                           \
    X(record, "record CAN interfaces")                                                                       \
    X(replay, "send a recording, in its own time")                                                           \
    X(top, "live view of interfaces, or of a growing recording")

#ifdef CANP_WITH_CAPTURE
#define CANP_COMMANDS(X) CANP_COMMANDS_CAPTURE(X) CANP_COMMANDS_CORE(X)
#else
#define CANP_COMMANDS(X) CANP_COMMANDS_CORE(X)
#endif

/* argv[0] is the command's name. Returns an exit status. */
#define CANP_COMMAND_DECLARE(name, summary) int canp_cmd_##name(int argc, char **argv);
CANP_COMMANDS(CANP_COMMAND_DECLARE)
#undef CANP_COMMAND_DECLARE

#endif
