/*
 * Reads pcapng (draft-ietf-opsawg-pcapng): several sections, both byte orders, stamps of any resolution, link
 * types 227, 113 and 276. Interfaces of one name are one channel, in all sections.
 *
 * The records of a packet's comments and dropcount come before its frame: comments by canp's writer become
 * the records that they were (event_text.h), other comments become text marks, and dropped frames, also those
 * of an interface's statistics, become a gap unless a comment has told them already.
 *
 * Invariant: while comments are being lent (`walk.at` != 0) the source stands at their block, which is whole
 * in memory. One thread at a time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <canp/safe_text.h>

#include "formats/pcap/pcapng.h"
#include "formats/pcap/pcapng_clock.h"
#include "formats/text/event_text.h"

#define INTERFACES_MAX 65536U
#define COMMENT_MAX    2048U /* of others: a mark holds no more */
#define BLOCK_MIN      12U
#define NOT_CAN        (-1)

struct interface {
    struct canp_packet_habit habit;
    int channel; /* NOT_CAN */
    struct canp_pcapng_clock clock;
};

struct channel {
    int64_t last_ns;    /* of its last frame */
    uint64_t told;      /* frames lost, lent as gaps */
    uint64_t explained; /* of these, by comments that no dropcount followed yet */
};

struct walk {
    uint32_t at; /* where in the block the next option is; 0: no walk */
    uint64_t drops;
};

struct reading {
    bool is_big, has_section, has_lent;
    uint32_t count, room;
    struct interface *interfaces;
    int64_t last_ns;
    struct walk walk;
    struct channel channels[CANP_CHANNELS_MAX];
};

struct block {
    const uint8_t *at;
    uint32_t type, total;
};

struct option {
    uint16_t code;
    uint16_t bytes;
    const uint8_t *value;
};

static uint32_t get_u32(const struct reading *state, const uint8_t *at)
{
    return canp_get_u32(at, state->is_big);
}

static inline int64_t time_of(const struct reading *state, const struct interface *i, const uint8_t *at)
{
    return canp_pcapng_time(&i->clock, (uint64_t)get_u32(state, at) << 32 | get_u32(state, at + 4));
}

/* The option at *at, which moves behind it: false at the end, or when it cannot be one. */
static bool take_option(const struct reading *state, const struct block *block, uint32_t *at,
                        struct option *option)
{
    uint32_t end = block->total - 4;
    if (*at > end || end - *at < 4)
        return false;
    const uint8_t *p = block->at + *at;
    *option = (struct option){canp_get_u16(p, state->is_big), canp_get_u16(p + 2, state->is_big), p + 4};
    if (option->code == PCAPNG_OPT_END || option->bytes > end - *at - 4)
        return false;
    *at += 4 + ((option->bytes + 3U) & ~3U);
    return true;
}

/* ---- sections and interfaces ----------------------------------------------------------------------- */

static int take_section(struct canp_log_reader *reader, const struct block *block)
{
    struct reading *state = reader->state;
    if (block->total < 28)
        canp_log_bad_object(reader, "a section header that is too short",
                            canp_source_offset(&reader->source));
    state->has_section = true;
    state->count = 0;
    return 0;
}

static int grow(struct reading *state)
{
    uint32_t room = state->room ? 2 * state->room : 16;
    void *more = realloc(state->interfaces, room * sizeof(*state->interfaces));
    if (!more)
        return -ENOMEM;
    state->interfaces = more;
    state->room = room;
    return 0;
}

/* The name of an interface that has none, or one too long to tell it from others by its beginning. */
static void name_it(char name[CANP_IFACE_NAME_BYTES], const struct option *given, bool is_ours,
                    uint32_t number)
{
    char text[CANP_SAFE_EXPANSION * CANP_IFACE_NAME_BYTES];
    size_t bytes = given->bytes < sizeof(text) ? given->bytes : sizeof(text);
    memset(name, 0, CANP_IFACE_NAME_BYTES);
    if (bytes)
        memcpy(text, given->value, bytes);
    if (is_ours)
        bytes = canp_safe_restore(text, text, bytes);
    bytes = strnlen(text, bytes);
    if (bytes == 0)
        snprintf(name, CANP_IFACE_NAME_BYTES, "if%u", number);
    else if (bytes < CANP_IFACE_NAME_BYTES)
        memcpy(name, text, bytes);
    else
        snprintf(name, CANP_IFACE_NAME_BYTES, "%.9s~%u", text, number % 100000);
}

/* Our writer's comment: fills all but the name. */
static bool take_description(struct canp_log_reader *reader, const struct option *option,
                             struct canp_iface *iface)
{
    struct canp_event_text event;
    struct canp_text text = {(const char *)option->value, (const char *)option->value + option->bytes};
    if (canp_take_event_text(text, &reader->store, &event) <= 0 || event.kind != CANP_KIND_IFACE)
        return false;
    memcpy(iface, reader->store.bytes, sizeof(*iface));
    return true;
}

/* What an interface's options say, into *i and *iface. Is it described as our writer does? */
static bool read_options(struct canp_log_reader *reader, const struct block *block, struct interface *i,
                         struct canp_iface *iface)
{
    const struct reading *state = reader->state;
    struct option option, name = {0};
    bool is_ours = false;
    uint64_t speed = 0;
    for (uint32_t at = 16; take_option(state, block, &at, &option);) {
        if (option.code == PCAPNG_IF_NAME)
            name = option;
        else if (option.code == PCAPNG_IF_SPEED && option.bytes == 8)
            speed = canp_get_u64(option.value, state->is_big);
        else if (option.code == PCAPNG_IF_RESOLUTION && option.bytes == 1)
            canp_pcapng_set_resolution(&i->clock, option.value[0]);
        else if (option.code == PCAPNG_IF_OFFSET && option.bytes == 8)
            canp_pcapng_set_offset(&i->clock, (int64_t)canp_get_u64(option.value, state->is_big));
        else if (option.code == PCAPNG_OPT_COMMENT)
            is_ours |= take_description(reader, &option, iface);
    }
    if (!is_ours)
        iface->bitrate = speed <= UINT32_MAX ? (uint32_t)speed : 0;
    name_it(iface->name, &name, is_ours, state->count);
    return is_ours || iface->bitrate;
}

/* 1: *out defines a known channel anew. */
static int join_channel(struct canp_log_reader *reader, struct interface *i, const struct canp_iface *iface,
                        bool says_more, struct canp_record *out)
{
    struct reading *state = reader->state;
    unsigned before = reader->channels.count;
    i->channel = canp_log_channel_named(reader, iface->name, strlen(iface->name));
    if (i->channel < 0)
        return i->channel;
    struct canp_channel *c = &reader->channels.of[i->channel];
    if (!says_more || memcmp(&c->iface, iface, sizeof(*iface)) == 0)
        return 0;
    if (!state->has_lent || (unsigned)i->channel >= before) {
        c->iface = *iface;
        c->is_changed = true;
        return 0;
    }
    memcpy(reader->store.bytes, iface, sizeof(*iface));
    return canp_log_lend(reader, out, state->last_ns, CANP_KIND_IFACE, (uint8_t)i->channel, CANP_DIR_RX);
}

static int take_interface(struct canp_log_reader *reader, const struct block *block, struct canp_record *out)
{
    struct reading *state = reader->state;
    struct canp_iface iface = {.bytes = sizeof(iface)};
    struct interface i = {.channel = NOT_CAN, .clock = CANP_PCAPNG_MICROSECONDS};
    if (block->total < 20 || state->count == INTERFACES_MAX) {
        canp_log_bad_object(reader,
                            block->total < 20 ? "a description of an interface that is too short"
                                              : "more interfaces than 65536",
                            canp_source_offset(&reader->source));
        return 0;
    }
    if (state->count == state->room && grow(state) < 0)
        return -ENOMEM;
    i.habit.link_type = canp_get_u16(block->at + 8, state->is_big);
    int r = 0;
    bool says_more = read_options(reader, block, &i, &iface);
    if (canp_link_type_is_can(i.habit.link_type))
        r = join_channel(reader, &i, &iface, says_more, out);
    state->interfaces[state->count++] = i;
    return r;
}

static struct interface *find_interface(struct canp_log_reader *reader, uint32_t number)
{
    struct reading *state = reader->state;
    if (number < state->count)
        return &state->interfaces[number];
    canp_log_bad_object(reader, "a block of an interface that is not described",
                        canp_source_offset(&reader->source));
    return NULL;
}

/* ---- comments and drops ---------------------------------------------------------------------------- */

static int lend_gap(struct canp_log_reader *reader, uint8_t channel, uint64_t lost, int64_t time_ns,
                    struct canp_record *out)
{
    struct reading *state = reader->state;
    struct channel *c = &state->channels[channel];
    int64_t from_ns = c->last_ns && c->last_ns < time_ns ? c->last_ns : time_ns;
    c->told += lost;
    reader->store.gap = (struct canp_gap){.layer = CANP_LAYER_SOCKET,
                                          .bytes = sizeof(struct canp_gap),
                                          .lost = lost,
                                          .from_ns = from_ns,
                                          .to_ns = time_ns};
    return canp_log_lend(reader, out, time_ns, CANP_KIND_GAP, channel, CANP_DIR_RX);
}

static bool is_event(uint8_t kind)
{
    return kind == CANP_KIND_GAP || kind == CANP_KIND_LINK || kind == CANP_KIND_MARK ||
           kind == CANP_KIND_CLOCK;
}

static int lend_comment(struct canp_log_reader *reader, uint8_t channel, int64_t time_ns,
                        const struct option *option, struct canp_record *out)
{
    struct reading *state = reader->state;
    struct canp_event_text event;
    struct canp_text text = {(const char *)option->value, (const char *)option->value + option->bytes};
    if (canp_take_event_text(text, &reader->store, &event) > 0 && event.has_time && is_event(event.kind)) {
        int named = canp_channels_padded(&reader->channels, event.iface);
        if (named < 0)
            return named;
        if (event.kind == CANP_KIND_GAP) {
            state->channels[named].told += reader->store.gap.lost;
            state->channels[named].explained += reader->store.gap.lost;
        }
        return canp_log_lend(reader, out, event.time_ns, event.kind, (uint8_t)named, CANP_DIR_RX);
    }
    size_t bytes = option->bytes < COMMENT_MAX ? option->bytes : COMMENT_MAX;
    reader->store.event =
        (struct canp_event){.code = CANP_MARK_TEXT, .bytes = (uint16_t)(sizeof(reader->store.event) + bytes)};
    memcpy(reader->store.event.payload, option->value, bytes);
    memset(reader->store.event.payload + bytes, 0, 8 - bytes % 8);
    return canp_log_lend(reader, out, time_ns, CANP_KIND_MARK, channel, CANP_DIR_RX);
}

static bool is_own(const struct option *option)
{
    return option->bytes == strlen(CANP_OWN_TEXT) && memcmp(option->value, CANP_OWN_TEXT, option->bytes) == 0;
}

/* The next comment of the block, then what was dropped: 1, or 0 when there is no more. */
static int walk(struct canp_log_reader *reader, const struct block *block, uint8_t channel, int64_t time_ns,
                struct canp_record *out)
{
    struct reading *state = reader->state;
    struct channel *c = &state->channels[channel];
    struct option option;
    while (take_option(state, block, &state->walk.at, &option)) {
        if (option.code == PCAPNG_OPT_COMMENT && option.bytes && !is_own(&option))
            return lend_comment(reader, channel, time_ns, &option, out);
    }
    state->walk.at = block->total; /* nothing but the drops is left */
    uint64_t drops = state->walk.drops, explained = drops ? c->explained : 0;
    state->walk.drops = 0;
    c->explained -= explained;
    return drops > explained ? lend_gap(reader, channel, drops - explained, time_ns, out) : 0;
}

static int end_block(struct canp_log_reader *reader, const struct block *block, int r)
{
    ((struct reading *)reader->state)->walk.at = 0;
    reader->source.at += block->total;
    return r;
}

/* ---- packets --------------------------------------------------------------------------------------- */

struct found {
    uint8_t dir;
    bool has_comments;
    uint64_t drops;
};

static void look_at_options(const struct reading *state, const struct block *block, uint32_t at,
                            struct found *found)
{
    struct option option;
    while (take_option(state, block, &at, &option)) {
        if (option.code == PCAPNG_PACKET_FLAGS && option.bytes == 4) {
            if ((get_u32(state, option.value) & 3) == PCAPNG_OUTBOUND && found->dir == CANP_DIR_RX)
                found->dir = CANP_DIR_TX;
        } else if (option.code == PCAPNG_PACKET_DROPS && option.bytes == 8 && block->type == PCAPNG_PACKET) {
            found->drops = canp_get_u64(option.value, state->is_big);
        } else if (option.code == PCAPNG_OPT_COMMENT && is_own(&option)) {
            found->dir = CANP_DIR_OWN;
        } else if (option.code == PCAPNG_OPT_COMMENT) {
            found->has_comments = true;
        }
    }
}

static int lend_frame(struct canp_log_reader *reader, const uint8_t *bytes, struct interface *i,
                      uint32_t length, int64_t time_ns, uint8_t dir, struct canp_record *out)
{
    struct reading *state = reader->state;
    struct canp_packet packet = {.dir = dir};
    if (__builtin_expect(!canp_packet_read(&i->habit, bytes, length, &reader->store, &packet), 0)) {
        if (packet.is_foreign)
            canp_log_pass(reader, packet.problem);
        else
            canp_log_bad_object(reader, packet.problem, canp_source_offset(&reader->source));
        return 0;
    }
    state->last_ns = state->channels[i->channel].last_ns = time_ns;
    state->has_lent = true;
    int channel = canp_packet_channel(reader, &packet, i->channel);
    return channel < 0 ? channel
                       : canp_log_lend(reader, out, time_ns, packet.kind, (uint8_t)channel, packet.dir);
}

/* 1, or 0: there was nothing (more) in this block. */
static int take_packet(struct canp_log_reader *reader, const struct block *block, struct canp_record *out)
{
    struct reading *state = reader->state;
    bool is_old = block->type == PCAPNG_OLD_PACKET;
    if (__builtin_expect(block->total < 32, 0)) {
        canp_log_bad_object(reader, "a packet that is too short", canp_source_offset(&reader->source));
        return end_block(reader, block, 0);
    }
    uint32_t length = get_u32(state, block->at + 20);
    struct interface *i = find_interface(reader, is_old ? canp_get_u16(block->at + 8, state->is_big)
                                                        : get_u32(state, block->at + 8));
    if (__builtin_expect(!i || i->channel == NOT_CAN || length > block->total - 32, 0)) {
        if (i && i->channel == NOT_CAN)
            canp_log_pass(reader, "packets of other link types");
        else if (i)
            canp_log_bad_object(reader, "a packet longer than its block",
                                canp_source_offset(&reader->source));
        return end_block(reader, block, 0);
    }
    int64_t time_ns = time_of(state, i, block->at + 12);
    uint32_t options = 28 + ((length + 3) & ~3U);
    struct found found = {.dir = CANP_DIR_RX};
    look_at_options(state, block, options, &found);
    if (is_old && canp_get_u16(block->at + 10, state->is_big) != UINT16_MAX)
        found.drops = canp_get_u16(block->at + 10, state->is_big);
    if (__builtin_expect(found.has_comments || found.drops, 0)) {
        if (!state->walk.at)
            state->walk = (struct walk){options, found.drops};
        int r = walk(reader, block, (uint8_t)i->channel, time_ns, out);
        state->has_lent |= r == 1;
        if (r != 0)
            return r;
    }
    int r = lend_frame(reader, block->at + 28, i, length, time_ns, found.dir, out);
    return end_block(reader, block, r);
}

/* A packet without a stamp: it has the time of the one before. */
static int take_simple(struct canp_log_reader *reader, const struct block *block, struct canp_record *out)
{
    struct reading *state = reader->state;
    struct interface *i = find_interface(reader, 0);
    if (!i || i->channel == NOT_CAN || block->total < 16) {
        if (i && i->channel == NOT_CAN)
            canp_log_pass(reader, "packets of other link types");
        return 0;
    }
    uint32_t length = get_u32(state, block->at + 8);
    if (length > block->total - 16)
        length = block->total - 16;
    return lend_frame(reader, block->at + 12, i, length, state->last_ns, CANP_DIR_RX, out);
}

static uint64_t dropped_by_statistics(const struct reading *state, const struct block *block)
{
    struct option option;
    for (uint32_t at = 20; take_option(state, block, &at, &option);) {
        if (option.code == PCAPNG_STAT_DROPPED && option.bytes == 8)
            return canp_get_u64(option.value, state->is_big);
    }
    return 0;
}

static int take_statistics(struct canp_log_reader *reader, const struct block *block, struct canp_record *out)
{
    struct reading *state = reader->state;
    struct interface *i = block->total < 24 ? NULL : find_interface(reader, get_u32(state, block->at + 8));
    if (!i || i->channel == NOT_CAN)
        return end_block(reader, block, 0);
    struct channel *c = &state->channels[i->channel];
    if (!state->walk.at)
        state->walk = (struct walk){20, dropped_by_statistics(state, block)};
    uint64_t drops = state->walk.drops;
    state->walk.drops = 0; /* they are a sum here */
    int r = walk(reader, block, (uint8_t)i->channel, state->last_ns, out);
    if (r != 0) {
        state->walk.drops = drops;
        state->has_lent |= r == 1;
        return r;
    }
    c->explained = 0;
    if (drops > c->told)
        r = lend_gap(reader, (uint8_t)i->channel, drops - c->told, state->last_ns, out);
    return end_block(reader, block, r);
}

/* ---- blocks ---------------------------------------------------------------------------------------- */

static bool is_needed(uint32_t type)
{
    return type == PCAPNG_SECTION || type == PCAPNG_INTERFACE || type == PCAPNG_OLD_PACKET ||
           type == PCAPNG_SIMPLE_PACKET || type == PCAPNG_STATISTICS || type == PCAPNG_PACKET;
}

static int end_within(struct canp_log_reader *reader)
{
    struct canp_source *s = &reader->source;
    if (s->error)
        return s->error;
    if (canp_source_there(s))
        canp_log_bad_object(reader, "the file ends within a block", canp_source_offset(s));
    s->at = s->end;
    return 0;
}

static int fail_at(struct canp_log_reader *reader, const char *what)
{
    return canp_log_error(reader, -CANP_E_DAMAGED,
                          "%s: at byte %llu stands %s; what stands before it was read",
                          reader->path ? reader->path : "the capture",
                          (unsigned long long)canp_source_offset(&reader->source), what);
}

/* 1: a block that is needed, whole in memory; 2: one that was passed over; 0: the end; or an error. */
static int next_block(struct canp_log_reader *reader, struct block *block)
{
    struct reading *state = reader->state;
    struct canp_source *s = &reader->source;
    if (__builtin_expect(!canp_source_need(s, BLOCK_MIN), 0))
        return end_within(reader);
    uint32_t type = get_u32(state, s->at);
    if (__builtin_expect(type == PCAPNG_SECTION, 0)) {
        uint32_t magic = canp_get_u32(s->at + 8, false);
        if (magic != PCAPNG_ORDER_MAGIC && magic != __builtin_bswap32(PCAPNG_ORDER_MAGIC))
            return fail_at(reader, "a section header without its magic number");
        state->is_big = magic != PCAPNG_ORDER_MAGIC;
    } else if (__builtin_expect(!state->has_section, 0)) {
        return fail_at(reader, "no section header, with which pcapng begins");
    }
    uint32_t total = get_u32(state, s->at + 4);
    if (__builtin_expect(total < BLOCK_MIN || total % 4, 0))
        return fail_at(reader, "a block with a length that cannot be");
    if (__builtin_expect(!is_needed(type) || total > CANP_SOURCE_NEED_MAX, 0)) {
        if (is_needed(type))
            canp_log_bad_object(reader, "a block of more than 16 MiB", canp_source_offset(s));
        else
            canp_log_pass(reader, "blocks that hold no packets");
        int r = canp_source_skip(s, total);
        return r < 0 ? r : r == 0 ? 2 : end_within(reader);
    }
    if (__builtin_expect(!canp_source_need(s, total), 0))
        return end_within(reader);
    *block = (struct block){s->at, type, total};
    if (__builtin_expect(get_u32(state, s->at + total - 4) != total, 0) && !state->walk.at)
        canp_log_bad_object(reader, "a block whose two lengths differ", canp_source_offset(s));
    return 1;
}

static int take_block(struct canp_log_reader *reader, const struct block *block, struct canp_record *out)
{
    switch (block->type) {
    case PCAPNG_PACKET:
    case PCAPNG_OLD_PACKET:
        return take_packet(reader, block, out);
    case PCAPNG_STATISTICS:
        return take_statistics(reader, block, out);
    case PCAPNG_SECTION:
        return end_block(reader, block, take_section(reader, block));
    case PCAPNG_INTERFACE:
        return end_block(reader, block, take_interface(reader, block, out));
    default:
        return end_block(reader, block, take_simple(reader, block, out));
    }
}

static int next(struct canp_log_reader *reader, struct canp_record *out)
{
    struct block block;
    int r;
    while ((r = next_block(reader, &block)) > 0) {
        r = r == 1 ? take_block(reader, &block, out) : 0;
        if (r != 0)
            return r;
    }
    return r;
}

static enum canp_log_verdict probe(const struct canp_log_head *head, struct canp_why *what)
{
    (void)what;
    if (head->length < BLOCK_MIN)
        return head->at_end ? CANP_LOG_NOT_MINE : CANP_LOG_UNSURE;
    uint32_t magic = canp_get_u32(head->bytes + 8, false);
    bool is_mine = canp_get_u32(head->bytes, false) == PCAPNG_SECTION &&
                   (magic == PCAPNG_ORDER_MAGIC || magic == __builtin_bswap32(PCAPNG_ORDER_MAGIC));
    return is_mine ? CANP_LOG_MINE : CANP_LOG_NOT_MINE;
}

static void close_reader(struct canp_log_reader *reader)
{
    free(((struct reading *)reader->state)->interfaces);
}

#define KEEPS                                                                                                \
    (CANP_LOG_FD | CANP_LOG_XL | CANP_LOG_REMOTE | CANP_LOG_ERRORS | CANP_LOG_RAW_DLC | CANP_LOG_DIRECTION | \
     CANP_LOG_NANOS | CANP_LOG_EPOCH | CANP_LOG_NAMES | CANP_LOG_IFACES | CANP_LOG_GAPS | CANP_LOG_LINKS |   \
     CANP_LOG_MARKS | CANP_LOG_CLOCKS)

const struct canp_log_format canp_format_pcapng = {
    .info = {.name = "pcapng",
             .title = "pcapng (Wireshark)",
             .suffixes = "pcapng ntar",
             .reads = CANP_LOG_READ | KEEPS,
             .writes = CANP_LOG_WRITE | KEEPS},
    .probe = probe,
    .reader_bytes = sizeof(struct reading),
    .next = next,
    .close = close_reader,
    .writer_bytes = sizeof(struct canp_pcapng_writing),
    .create = canp_pcapng_create,
    .write = canp_pcapng_write,
    .finish = canp_pcapng_finish,
};
