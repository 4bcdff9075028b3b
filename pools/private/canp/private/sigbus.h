/* The mappings that the SIGBUS guard watches (sigbus.c), each with its error. Any thread. */
#ifndef CANP_PRIVATE_SIGBUS_H
#define CANP_PRIVATE_SIGBUS_H

#include <stdbool.h>
#include <stddef.h>

/* A number to ask by, or -EMFILE. The range must be mapped until the unwatch. Where it breaks, a reader sees
 * zeros from then on, and what is written to a writable one is lost. */
int canp_sigbus_watch(const void *base, size_t bytes, bool writable);
void canp_sigbus_unwatch(int watch);
/* 0, or -CANP_E_LOST. A watch of -1 never fails. */
int canp_sigbus_error(int watch);
void canp_sigbus_set_error(int watch);

#endif
