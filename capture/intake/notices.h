/*
 * A small queue of sentences from the capture thread, which must not wait for their printing, to the flush
 * thread. When it is full a sentence is dropped and counted. One producer, one consumer.
 */
#ifndef CANP_CAPTURE_NOTICES_H
#define CANP_CAPTURE_NOTICES_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

#define NOTICES_SLOTS 16U
#define NOTICE_BYTES  240U

struct notices {
    char text[NOTICES_SLOTS][NOTICE_BYTES];
    _Atomic uint32_t written; /* by the producer */
    _Atomic uint32_t read;    /* by the consumer */
    _Atomic uint32_t dropped; /* by the producer */
};

/* Producer. */
void canp_notices_put(struct notices *q, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Consumer: the oldest sentence, or NULL; valid until canp_notices_pop(). */
const char *canp_notices_peek(const struct notices *q);
void canp_notices_pop(struct notices *q);

#endif
