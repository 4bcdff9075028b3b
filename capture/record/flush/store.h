/*
 * Stores rows in the files, or counts them as not stored. Invariant: a frame given to canp_store() is in the
 *
 files or counted as not stored (disk_losses.h). Flush thread only.
 */
#ifndef CANP_CAPTURE_STORE_H
#define CANP_CAPTURE_STORE_H

#include "record/state/recorder_priv.h"

/* A sentence for the user. */
void canp_store_say(const struct canp_recorder *rec, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Commits the rows, or counts their frames as lost. */
void canp_store(struct canp_recorder *rec, const struct canp_rowbuf *rows);

/* The disk was full or failed: is there room for what is to be told, and for a slab? Looks once a second.
 * True: the losses are told, and all is as it was before. */
bool canp_store_has_room_again(struct canp_recorder *rec);

/* Makes the writer's statistics known to all threads. */
void canp_store_publish(struct canp_recorder *rec);

#endif
