/* The fields of a frame of any kind, for formats that write text. No state; any thread. */
#ifndef CANP_FORMATS_FRAME_VIEW_H
#define CANP_FORMATS_FRAME_VIEW_H

#include <canp/frame.h>

struct canp_frame_view {
    uint32_t id; /* without flags; of an XL frame the priority; of an error frame its class */
    bool is_extended, is_remote, is_error, has_brs, has_esi;
    uint8_t raw_dlc; /* 9 to 15 behind 8 bytes, else 0 */
    unsigned len;
    const uint8_t *data;
    unsigned data_bytes; /* len, 0 for a remote frame */
};

static inline struct canp_frame_view canp_frame_view_of(const struct canp_record *r)
{
    if (r->kind == CANP_KIND_XL)
        return (struct canp_frame_view){.id = r->xl->prio & CANP_ID_SFF_MASK,
                                        .len = r->xl->len,
                                        .data = r->xl->data,
                                        .data_bytes = r->xl->len};
    const struct canp_frame *f = r->frame;
    bool is_fd = r->kind == CANP_KIND_FD;
    bool is_error = (f->id & CANP_ID_ERR) != 0;
    bool is_extended = !is_error && (f->id & CANP_ID_EFF);
    bool is_remote = !is_error && !is_fd && (f->id & CANP_ID_RTR);
    return (struct canp_frame_view){.id = f->id &
                                          (is_error || is_extended ? CANP_ID_EFF_MASK : CANP_ID_SFF_MASK),
                                    .is_extended = is_extended,
                                    .is_remote = is_remote,
                                    .is_error = is_error,
                                    .has_brs = is_fd && (f->flags & CANP_FD_BRS),
                                    .has_esi = is_fd && (f->flags & CANP_FD_ESI),
                                    .raw_dlc = !is_fd && f->len == 8 && f->len8_dlc > 8 ? f->len8_dlc : 0,
                                    .len = f->len,
                                    .data = f->data,
                                    .data_bytes = is_remote ? 0 : f->len};
}

#endif
