/* The recorded interfaces, each a channel: those that exist at open and those that appear later (channels.c).
 */
#ifndef CANP_CAPTURE_CHANNELS_H
#define CANP_CAPTURE_CHANNELS_H

#include "record/state/recorder_priv.h"

/* Owner, in open: what the user named, and the sockets of what is there; they are not bound yet. */
int canp_channels_open(struct canp_recorder *rec, const struct canp_recorder_opts *opts,
                       struct canp_why *why);
int canp_channels_bind(struct canp_recorder *rec, struct canp_why *why);
void canp_channels_close(struct canp_recorder *rec);

/* The channel's definition, as it is now. */
struct canp_iface canp_channel_iface(const struct chan *ch);

/* Capture: does the user want this interface, which is no channel yet? Then it becomes one, and true is
 * returned. `message` is what told of it, NULL where it is not known. */
bool canp_channels_take_up(struct canp_recorder *rec, const struct canp_link *link,
                           const struct nlmsghdr *message);

/* Capture: what a channel's definition says is not so any more: a new one is recorded where its frames from
 * now on follow. */
void canp_channels_update(struct canp_recorder *rec, struct chan *ch, const struct canp_link *link);

/* Capture, or the owner in open: looks which device it is. True: another one than before. */
bool canp_channel_look_at_device(struct chan *ch);

/* Capture: which device it is, as a record; none for an interface without hardware. */
void canp_channel_tell_device(struct canp_recorder *rec, const struct chan *ch);
void canp_channels_tell_devices(struct canp_recorder *rec);

#endif
