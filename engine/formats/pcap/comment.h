/*
 * What is no frame, as a comment of a packet: a line that people read in Wireshark and that this library
 * reads back as it was.
 *
 *   canp gap 1700000000.2 can0 socket lost 17 from 1700000000.1 to 1700000000.2
 *   canp mark 1700000000.1 can0 code=1 operator=me
 *   canp link 1700000000.1 can0 down code=2 state=4294967295 tx_errors=0 rx_errors=0 name=
 *   canp clock 1700000000.1 can0 code=0 realtime=… monotonic=… boot_id=… boottime=… suspended=…
 *   canp iface mtu=72 bitrate=500000 dbitrate=2000000 ifindex=3 ctrlmode=32       of an interface's
 * description
 *
 * Names and texts are spelled as canp/safe_text.h says. No state; any thread.
 */
#ifndef CANP_FORMATS_PCAP_COMMENT_H
#define CANP_FORMATS_PCAP_COMMENT_H

#include "formats/log_format.h"

#define CANP_COMMENT_BYTES 9216       /* room for any */
#define CANP_OWN_TEXT      "canp own" /* the frame was sent by the recording socket itself */

/* Behind what was written. `iface` is the interface's name, readable for CANP_IFACE_NAME_BYTES. */
char *canp_comment_put(char *out, const struct canp_record *record, const char *iface);
/* 1: *out lends from `store`, its interface's name in `iface` (padded with zeros); 0: no such text. */
int canp_comment_take(const char *text, size_t bytes, union canp_log_store *store,
                      char iface[CANP_IFACE_NAME_BYTES], struct canp_record *out);

char *canp_comment_iface_put(char *out, const struct canp_iface *iface);
/* Fills all but the name: 1, or 0 when the text is none of an interface. */
int canp_comment_iface_take(const char *text, size_t bytes, struct canp_iface *iface);

#endif
