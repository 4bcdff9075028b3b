/* Transport protocols fed with hostile frames: no crash, and messages within what was promised. Input: per
 * frame one byte that picks the id, one with the length, the data. */
#include <stdlib.h>
#include <string.h>

#include <canp/transport.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t ids[16] = {
    0x7DF,
    0x7E0,
    0x7E8,
    0x600,
    0x700,
    CANP_ID_EFF | 0x18DAF110,
    CANP_ID_EFF | 0x1CECFF21,
    CANP_ID_EFF | 0x1CEBFF21,
    CANP_ID_EFF | 0x18EC2103,
    CANP_ID_EFF | 0x18EB2103,
    CANP_ID_EFF | 0x18EC0321,
    CANP_ID_EFF | 0x09F20101,
    CANP_ID_EFF | 0x09EF0107,
    CANP_ID_EFF | 0x09FF7701,
    CANP_ID_EFF | 0x1CC80321,
    CANP_ID_EFF | 0x1CC70321,
};

static void look_at(const struct canp_transport_message *m)
{
    struct canp_j1939_dtc dtcs[4];
    volatile uint8_t sum = 0;
    if (m->bytes == 0 || m->bytes > (m->kind == CANP_TRANSPORT_ETP ? 4096 : 512) || m->frames == 0)
        abort();
    for (uint32_t i = 0; i < m->bytes; i++)
        sum = (uint8_t)(sum + m->data[i]);
    (void)canp_j1939_dtcs(m->data, m->bytes, dtcs, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct canp_isotp_ids isotp[] = {{0x600, 0x7FF, CANP_ISOTP_EXTENDED},
                                                  {0x700, 0x7FF, CANP_ISOTP_MIXED}};
    struct canp_transport_opts opts = CANP_TRANSPORT_OPTS_INIT;
    struct canp_transport_message m;
    struct canp_transport *t;
    opts.isotp = isotp;
    opts.isotp_count = 2;
    opts.sessions_max = 8;
    opts.bytes_max = 512;
    opts.extended_bytes_max = 4096;
    if (canp_transport_open(&opts, &t) < 0)
        return 0;
    for (size_t at = 0; at + 2 <= size;) {
        uint8_t pick = data[at], len = data[at + 1] % 65;
        at += 2;
        len = (uint8_t)(len > size - at ? size - at : len);
        struct canp_frame *frame =
            malloc(sizeof(*frame) + len); /* its own, so that the sanitizer sees every byte too far */
        if (!frame)
            break;
        memset(frame, 0, sizeof(*frame));
        frame->id = ids[pick & 15];
        frame->len = len;
        memcpy(frame->data, data + at, len);
        if (canp_transport_feed(t, (int64_t)at * 100000 * (pick >> 4), 0, frame, &m) == 1)
            look_at(&m);
        free(frame);
        at += len;
    }
    canp_transport_close(t);
    return 0;
}
