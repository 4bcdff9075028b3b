/*
 * Reads pcap (libpcap's own format): both byte orders, stamps in micro- and nanoseconds, link types 227,
 * 113 and 276. The interface of such a file has no name, it is number 1; a capture of all interfaces (276)
 * gives their indexes. A record's header has no mark by which it could be found again, so reading ends at a
 * record of impossible length. One thread.
 */
#include "formats/pcap/packet.h"

#define HEADER_BYTES 24U
#define RECORD_BYTES 16U
#define PACKET_MAX   (256U * 1024) /* libpcap's limit */

struct reading {
    bool is_big;
    uint32_t tick_ns;
    int channel; /* negative: packets say whose they are */
    struct canp_packet_habit habit;
};

/* Is it a pcap file? Then its order and resolution. */
static bool take_magic(const uint8_t *at, bool *is_big, uint32_t *tick_ns)
{
    for (int order = 0; order < 2; order++) {
        uint32_t magic = canp_get_u32(at, order);
        *is_big = order;
        *tick_ns = magic == 0xA1B23C4D ? 1 : 1000;
        if (magic == 0xA1B23C4D || magic == 0xA1B2C3D4)
            return true;
    }
    return false;
}

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    bool is_big;
    uint32_t tick_ns;
    if (head->length < HEADER_BYTES)
        return head->at_end || (head->length >= 4 && !take_magic(head->bytes, &is_big, &tick_ns))
                   ? CANP_LOG_NOT_MINE
                   : CANP_LOG_UNSURE;
    if (!take_magic(head->bytes, &is_big, &tick_ns))
        return CANP_LOG_NOT_MINE;
    uint32_t link_type = canp_get_u32(head->bytes + 20, is_big) & 0xFFFF;
    if (canp_link_type_is_can(link_type))
        return CANP_LOG_MINE;
    canp_fail(what, 0, "a pcap capture of link type %u, which is not CAN (227 or 113 are)%s", link_type,
              link_type == 1 ? ": Ethernet" : "");
    return CANP_LOG_REFUSED;
}

static int open_reader(struct canp_log_reader *reader, struct canp_why *why)
{
    struct reading *state = reader->state;
    struct canp_source *s = &reader->source;
    const char *name = reader->path ? reader->path : "the capture";
    if (!canp_source_need(s, HEADER_BYTES) || !take_magic(s->at, &state->is_big, &state->tick_ns))
        return canp_fail(why, -CANP_E_DAMAGED, "%s does not begin as pcap does", name);
    uint32_t link_type = canp_get_u32(s->at + 20, state->is_big) & 0xFFFF;
    if (!canp_link_type_is_can(link_type))
        return canp_fail(why, -CANP_E_DAMAGED, "%s: its packets have link type %u, which is not CAN", name,
                         link_type);
    state->channel = -1;
    if (link_type != CANP_LINK_TYPE_SLL2) {
        state->channel = canp_log_channel_numbered(reader, 1);
        if (state->channel < 0)
            return state->channel;
    }
    state->habit.link_type = (uint16_t)link_type;
    s->at += HEADER_BYTES;
    return 0;
}

static int end_within(struct canp_log_reader *reader)
{
    struct canp_source *s = &reader->source;
    if (s->error)
        return s->error;
    if (canp_source_there(s))
        canp_log_bad_object(reader, "the file ends within a packet", canp_source_offset(s));
    s->at = s->end;
    return 0;
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct reading *state = reader->state;
    struct canp_source *s = &reader->source;
    while (canp_source_need(s, RECORD_BYTES)) {
        uint32_t length = canp_get_u32(s->at + 8, state->is_big);
        if (__builtin_expect(length > PACKET_MAX, 0))
            return canp_log_error(
                reader, -CANP_E_DAMAGED,
                "%s: at byte %llu stands a packet of %u bytes, which cannot be; what stands "
                "before it was read",
                reader->path ? reader->path : "the capture", (unsigned long long)canp_source_offset(s),
                length);
        if (!canp_source_need(s, RECORD_BYTES + length))
            break;
        const uint8_t *at = s->at;
        int64_t time_ns = (int64_t)canp_get_u32(at, state->is_big) * 1000000000 +
                          (int64_t)canp_get_u32(at + 4, state->is_big) * state->tick_ns;
        struct canp_packet packet = {.dir = CANP_DIR_RX};
        int r = canp_packet_read(&state->habit, at + RECORD_BYTES, length, &reader->store, &packet);
        if (__builtin_expect(!r && packet.is_foreign, 0))
            canp_log_pass(reader, packet.problem);
        else if (__builtin_expect(!r, 0))
            canp_log_bad_object(reader, packet.problem, canp_source_offset(s));
        s->at += RECORD_BYTES + length;
        if (__builtin_expect(!r, 0))
            continue;
        int channel = canp_packet_channel(reader, &packet, state->channel);
        return channel < 0 ? channel
                           : canp_log_lend(reader, out, time_ns, packet.kind, (uint8_t)channel, packet.dir);
    }
    return end_within(reader);
}

const struct canp_log_format canp_format_pcap = {
    .info = {.name = "pcap",
             .title = "pcap (tcpdump)",
             .suffixes = "pcap cap",
             .reads = CANP_LOG_READ | CANP_LOG_FD | CANP_LOG_XL | CANP_LOG_REMOTE | CANP_LOG_ERRORS |
                      CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION | CANP_LOG_NANOS | CANP_LOG_EPOCH |
                      CANP_LOG_NUMBERED},
    .probe = probe,
    .reader_bytes = sizeof(struct reading),
    .open = open_reader,
    .next = next,
};
