/* A record of a recording as Wireshark's packet of link type SocketCAN. One thread, Wireshark's. */
#ifndef CANP_WIRESHARK_PACKET_H
#define CANP_WIRESHARK_PACKET_H

#include <wiretap/wtap.h>

#include <canp/frame.h>

/* The frame's bytes behind what is in `buf`: how many. */
guint32 packet_put_frame(Buffer *buf, const struct canp_record *record);

/* An event before a frame as the packet's comment; of a gap the frames lost are added to *lost. `name` is its
 * interface's. */
void packet_put_event(wtap_block_t block, const struct canp_record *record, const char *name, guint64 *lost);

#endif
