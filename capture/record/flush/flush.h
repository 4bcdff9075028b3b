/* The flush thread (flush.c). */
#ifndef CANP_CAPTURE_FLUSH_H
#define CANP_CAPTURE_FLUSH_H

#include "record/state/recorder_priv.h"

/* Owner. 0 or a negative errno. */
int canp_flush_start(struct canp_recorder *rec);

/* After the last commit, by the owner: everything is stored and the recording ended when it returns. */
void canp_flush_join(struct canp_recorder *rec);

/* The program's own trigger, of what is a frame. */
const char *canp_flush_ask(void *user, const struct canp_record *record);
/* What a recording by triggers keeps, and lets go (window.h); the user is the recorder. Flush. */
void canp_flush_store(void *user, const struct canp_rowbuf *rows);
void canp_flush_let_go(void *user, const struct canp_rowbuf *rows);
void canp_flush_window_begins(void *user);
void canp_flush_short_of_memory(void *user, uint64_t held_ns);
void canp_flush_window_goes_on(void *user, const char *trigger, uint64_t open_ns);

#endif
