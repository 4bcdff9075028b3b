/* Of a record's body what counts when two are compared. */
#ifndef CANP_TESTS_BODY_H
#define CANP_TESTS_BODY_H

#include <canp/frame.h>

/* A remote frame has no data, whatever its length. */
static inline size_t test_body_bytes(const struct canp_record *r)
{
    if (r->kind == CANP_KIND_XL)
        return sizeof(*r->xl) + r->xl->len;
    if (canp_kind_is_frame(r->kind))
        return sizeof(*r->frame) + ((r->frame->id & CANP_ID_RTR) ? 0 : r->frame->len);
    return r->event->bytes;
}

#endif
