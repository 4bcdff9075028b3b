/*
 * What the files of canp-extcap share: what Wireshark asked for on the command line. Wireshark's manual page
 * extcap(4) describes the protocol. Main thread.
 */
#ifndef CANP_TOOLS_EXTCAP_H
#define CANP_TOOLS_EXTCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXTCAP_RECORDING "canp-recording" /* what reads a recording or a log */
#define EXTCAP_ANY       "canp-any"       /* all CAN interfaces */
#define EXTCAP_PREFIX    "canp:"          /* then the name of one */

struct extcap_asked {
    const char *iface;  /* as it was listed */
    const char *fifo;   /* where packets go */
    const char *filter; /* canp's filters, or "" */
    /* of interfaces */
    uint64_t bitrate, dbitrate; /* 0: as it is */
    const char *record;         /* directory of a recording made meanwhile, or NULL */
    bool no_error_frames;
    /* of recordings */
    const char *file, *from, *to; /* NULL: not given */
    bool follow;
};

/* Prints the interfaces, as Wireshark reads them. An exit status. */
int extcap_list(void);
/* Prints the options of one. An exit status. */
int extcap_options(const char *iface);

/* An interface's name for a listed one. False: it is none. */
bool extcap_name(const char *iface, char *out, size_t size);

/* Both write pcapng to the FIFO until its reader or a signal ends it. An exit status. */
int extcap_capture(const struct extcap_asked *asked);
int extcap_replay(const struct extcap_asked *asked);

#endif
