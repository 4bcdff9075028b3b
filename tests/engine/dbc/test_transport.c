/* Transport protocols, by hand: what ends a message early, what is refused, who is let go for room. Whole
 * messages in great number, and real logs: tests/dbc/transport.py. */
#include <canp/transport.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define EFF CANP_ID_EFF
#define MS  INT64_C(1000000)

static struct canp_transport *t;
static struct canp_transport_message m;
static int64_t now;

static void setup(void)
{
    now = INT64_C(1700000000) * 1000 * MS;
    cr_assert_eq(canp_transport_open(NULL, &t), 0);
}

static void teardown(void)
{
    canp_transport_close(t);
}

TestSuite(transport, .init = setup, .fini = teardown);

static int feed(uint32_t id, const char *bytes, uint8_t len)
{
    static union canp_frame_store store;
    memset(&store, 0, sizeof(store));
    store.frame.id = id;
    store.frame.len = len;
    memcpy(store.frame.data, bytes, len);
    now += MS;
    return canp_transport_feed(t, now, 3, &store.frame, &m);
}

static struct canp_transport_stats stats(void)
{
    struct canp_transport_stats s;
    canp_transport_stats(t, &s);
    return s;
}

#define BAM_12 "\x20\x0C\x00\x02\xFF\xCA\xFE\x00"
#define RTS_12 "\x10\x0C\x00\x02\xFF\xCA\xFE\x00"

Test(transport, trouble_codes_by_bam)
{
    struct canp_j1939_dtc dtcs[3];
    cr_assert_eq(feed(EFF | 0x1CECFF21, BAM_12, 8), 0);
    cr_assert_eq(feed(EFF | 0x1CEBFF21, "\x01\x40\xFF\x6E\x00\xE3\x05\x9C", 8), 0);
    cr_assert_eq(feed(EFF | 0x1CEBFF21, "\x02\x18\x43\x7F\xFF\xFF\xFF\xFF", 8), 1);
    cr_assert(m.kind == CANP_TRANSPORT_BAM && m.id == (EFF | 0x18FECA21) && m.source == 0x21 &&
              m.destination == 255);
    cr_assert(m.bytes == 12 && m.frames == 3 && m.channel == 3 && m.time_ns == now &&
              m.first_ns == now - 2 * MS);
    cr_assert_eq(canp_j1939_dtcs(m.data, m.bytes, dtcs, 3), 2);
    cr_assert(dtcs[0].spn == (0x6E | 7 << 16) && dtcs[0].fmi == 3 && dtcs[0].occurrences == 5);
    cr_assert(dtcs[1].spn == 0x189C + (2 << 16) && dtcs[1].fmi == 3 && dtcs[1].occurrences == 127);
    cr_assert_eq(canp_j1939_dtcs(m.data, m.bytes, dtcs, 0), 2);
    cr_assert_eq(canp_j1939_dtcs((const uint8_t *)"\x00\xFF\x00\x00\x00\x00\xFF\xFF", 8, dtcs, 3), 0);
    cr_assert_eq(stats().messages, 1);
}

Test(transport, a_connection_and_its_end)
{
    feed(EFF | 0x18EC2103, RTS_12, 8);
    feed(EFF | 0x18EC0321, "\x11\x02\x01\xFF\xFF\xCA\xFE\x00", 8);
    feed(EFF | 0x18EB2103, "\x02hijkl\xFF\xFF", 8); /* the second one first */
    cr_assert_eq(feed(EFF | 0x18EB2103,
                      "\x01"
                      "abcdefg",
                      8),
                 1);
    cr_assert(m.kind == CANP_TRANSPORT_RTS && m.destination == 0x21 &&
              memcmp(m.data, "abcdefghijkl", 12) == 0);
    feed(EFF | 0x18EC2103, RTS_12, 8);
    feed(EFF | 0x18EC0321, "\xFF\x01\xFF\xFF\xFF\xCA\xFE\x00", 8); /* the receiver aborts */
    feed(EFF | 0x18EB2103,
         "\x01"
         "abcdefg",
         8);
    cr_assert(stats().aborted == 1 && stats().orphans == 1);
}

/* ---- the extended protocol ---------------------------------------------------------------------------- */

#define LONG_BYTES 2000U /* 286 packets */
#define ETP_RTS    "\x14\xD0\x07\x00\x00\xCA\xFE\x00"

static int feed_offset(uint32_t offset)
{
    const char dpo[8] = {22, (char)255, (char)offset, (char)(offset >> 8), 0, (char)0xCA, (char)0xFE, 0};
    return feed(EFF | 0x18C82103, dpo, 8);
}

/* A packet by its place in the message, under the offset that was given last. */
static int feed_long(uint32_t number, uint32_t offset)
{
    char data[8] = {(char)(number - offset + 1)};
    for (unsigned i = 0; i < 7; i++)
        data[i + 1] = (char)((number * 7 + i) * 31 >> 3);
    return feed(EFF | 0x18C72103, data, 8);
}

Test(transport, a_long_message_and_packets_sent_again)
{
    cr_assert_eq(feed(EFF | 0x18C82103, ETP_RTS, 8), 0);
    feed(EFF | 0x18C80321, "\x15\x10\x01\x00\x00\xCA\xFE\x00", 8); /* CTS */
    feed_offset(0);
    for (uint32_t n = 0; n < 200; n++)
        cr_assert_eq(feed_long(n, 0), 0);
    feed_offset(150); /* from there once more */
    for (uint32_t n = 150; n < 285; n++)
        cr_assert_eq(feed_long(n, 150), 0);
    feed_offset(285);
    cr_assert_eq(feed_long(285, 285), 1);
    cr_assert(m.kind == CANP_TRANSPORT_ETP && m.id == (EFF | 0x18FECA03) && m.source == 3 &&
              m.destination == 0x21 && m.bytes == LONG_BYTES && m.frames == 1 + 3 + 200 + 135 + 1);
    for (uint32_t i = 0; i < LONG_BYTES; i++)
        cr_assert_eq(m.data[i], (uint8_t)(i * 31 >> 3), "byte %u", i);
    cr_assert(stats().messages == 1 && stats().incomplete == 0 && stats().malformed == 0);
}

Test(transport, long_messages_that_do_not_end)
{
    feed(EFF | 0x18C82103, ETP_RTS, 8);
    feed_offset(0);
    feed_long(0, 0);
    feed_long(2, 0); /* one is missing */
    feed_long(3, 0);
    cr_assert(stats().incomplete == 1 && stats().orphans == 1);
    feed(EFF | 0x18C82103, ETP_RTS, 8);
    feed(EFF | 0x18C80321, "\xFF\x01\xFF\xFF\xFF\xCA\xFE\x00", 8); /* the receiver aborts */
    cr_assert_eq(stats().aborted, 1);
    feed(EFF | 0x18C82103, "\x14\xD0\x07\x00\x10\xCA\xFE\x00", 8); /* 256 MiB */
    cr_assert_eq(stats().too_long, 1);
    feed(EFF | 0x18C82103, "\x14\x08\x00\x00\x00\xCA\xFE\x00", 8); /* 8 bytes are no long message */
    feed(EFF | 0x18C82103, ETP_RTS, 7);
    feed(EFF | 0x18C82103, "\x63\xD0\x07\x00\x00\xCA\xFE\x00", 8);
    cr_assert(stats().malformed == 0 && stats().orphans == 1);
    feed(EFF | 0x18C82103, ETP_RTS, 8);
    feed_offset(0xFFFF00); /* beyond the end */
    feed_long(0, 0);
    cr_assert_eq(stats().malformed, 1);
    for (uint32_t source = 0x40; source < 0x45;
         source++) /* one more than there is room for, and one is there */
        feed(EFF | 0x18C82100 | source, ETP_RTS, 8);
    cr_assert_eq(stats().evicted, 2);
}

Test(transport, what_is_missing_is_counted)
{
    feed(EFF | 0x1CECFF21, BAM_12, 8);
    feed(EFF | 0x1CECFF21, BAM_12, 8); /* anew */
    cr_assert_eq(stats().incomplete, 1);
    now += 2000 * MS;
    feed(EFF | 0x1CEBFF21,
         "\x01"
         "abcdefg",
         8); /* too late */
    cr_assert(stats().incomplete == 2 && stats().orphans == 1);
    feed(EFF | 0x1CECFF21, "\x20\x0C\x00\x03\xFF\xCA\xFE\x00", 8); /* 12 bytes in three packets */
    feed(EFF | 0x1CECFF21, "\x20\x0C\x00\x02", 4);
    feed(EFF | 0x1CECFF21, "\x07\x0C\x00\x02\xFF\xCA\xFE\x00", 8);
    cr_assert_eq(stats().malformed, 3);
    feed(EFF | 0x1CECFF21, BAM_12, 8);
    feed(EFF | 0x1CEBFF21,
         "\x00"
         "abcdefg",
         8);
    feed(EFF | 0x1CEBFF21,
         "\x03"
         "abcdefg",
         8);
    feed(EFF | 0x1CEBFF21,
         "\x01"
         "abcdef",
         7);
    cr_assert(stats().malformed == 6 && stats().messages == 0);
}

Test(transport, fast_packets)
{
    cr_assert_eq(feed(EFF | 0x09F20101, "\x60\x1A\x00\xB7\x06\x67\x0D\x0B", 8), 0);
    cr_assert_eq(feed(EFF | 0x09F20101, "\x80\x05hello\xFF", 8), 1); /* another sequence meanwhile */
    cr_assert(m.bytes == 5 && memcmp(m.data, "hello", 5) == 0);
    cr_assert_eq(feed(EFF | 0x09F20101, "\x61\x86\xBA\x04\x26\x00\x10\x5F", 8), 0);
    cr_assert_eq(feed(EFF | 0x09F20101, "\x62\x09\x00\x00\x00\x8F\x02\x7F", 8), 0);
    cr_assert_eq(feed(EFF | 0x09F20101, "\x63\x00\x00\x00\x00\x00\x7F\x7F", 8), 1);
    cr_assert(m.kind == CANP_TRANSPORT_FAST && m.id == (EFF | 0x19F20101) && m.bytes == 26 && m.frames == 4);
    feed(EFF | 0x09F20101, "\xE1\x00\x00\x00\x00\x00\x7F\x7F", 8);
    cr_assert_eq(stats().orphans, 1);
    feed(EFF | 0x09F20101, "\x60\xE0\x00\x00\x00\x00\x00\x00", 8); /* 224 bytes */
    feed(EFF | 0x09F20101, "\x60", 1);
    cr_assert_eq(stats().malformed, 2);
    cr_assert_eq(feed(EFF | 0x09F80107,
                      "\x20\x03"
                      "abc\xFF\xFF\xFF",
                      8),
                 0); /* one frame is the whole message */
    cr_assert_eq(canp_transport_fast_group(t, 0x1F801), 0);
    cr_assert_eq(feed(EFF | 0x09F80107,
                      "\x20\x03"
                      "abc\xFF\xFF\xFF",
                      8),
                 1);
    cr_assert_eq(canp_transport_fast_group(t, 0x40000), -EINVAL);
}

Test(transport, isotp)
{
    cr_assert_eq(feed(0x7E8, "\x03\x41\x0D\x20\xAA\xAA\xAA\xAA", 8), 1);
    cr_assert(m.kind == CANP_TRANSPORT_ISOTP && m.id == 0x7E8 && m.bytes == 3 && m.frames == 1);
    cr_assert_eq(feed(0x7E8,
                      "\x10\x0A"
                      "abcdef",
                      8),
                 0);
    cr_assert_eq(feed(0x7E0, "\x30\x00\x00", 3), 0); /* flow control */
    cr_assert_eq(feed(0x7E8, "\x21ghij\xAA\xAA\xAA", 8), 1);
    cr_assert(m.bytes == 10 && memcmp(m.data, "abcdefghij", 10) == 0);
    feed(0x7E8,
         "\x10\x14"
         "abcdef",
         8);
    feed(0x7E8,
         "\x22"
         "abcdefg",
         8); /* one is missing */
    feed(0x7E8,
         "\x23"
         "abcdefg",
         8);
    cr_assert(stats().incomplete == 1 && stats().orphans == 1);
    feed(0x7E8,
         "\x00"
         "abcdefg",
         8);
    feed(0x7E8,
         "\x08"
         "abcdefg",
         8);
    feed(0x7E8,
         "\x10\x05"
         "abcdef",
         8); /* would fit one frame */
    feed(0x7E8,
         "\x50"
         "abcdefg",
         8);
    cr_assert_eq(stats().malformed, 4);
    feed(0x7E8,
         "\x10\x00\x00\x01\x00\x00"
         "ab",
         8); /* 65536 bytes */
    cr_assert_eq(stats().too_long, 1);
    cr_assert_eq(feed(0x123, "\x03\x41\x0D\x20", 4), 0);
    cr_assert_eq(feed(0x7E8 | CANP_ID_RTR, "\x03\x41\x0D\x20", 4), 0);
}

Test(transport, isotp_fd_and_addresses)
{
    static const struct canp_isotp_ids ids[] = {{0x600, 0x7FF, CANP_ISOTP_EXTENDED},
                                                {0x700, 0x7FF, CANP_ISOTP_MIXED}};
    struct canp_transport_opts opts = CANP_TRANSPORT_OPTS_INIT;
    cr_assert_eq(feed(0x7E8,
                      "\x00\x0A"
                      "abcdefghij",
                      12),
                 1);
    cr_assert(m.bytes == 10 && m.data[9] == 'j');
    opts.isotp = ids;
    opts.isotp_count = 2;
    canp_transport_close(t);
    cr_assert_eq(canp_transport_open(&opts, &t), 0);
    feed(0x600,
         "\xF1\x10\x0A"
         "abcde",
         8);
    feed(0x600,
         "\xF2\x10\x0A"
         "ABCDE",
         8); /* to another address, on the same id */
    cr_assert_eq(feed(0x600,
                      "\xF1\x21"
                      "fghij",
                      7),
                 1);
    cr_assert(m.destination == 0xF1 && memcmp(m.data, "abcdefghij", 10) == 0);
    cr_assert_eq(feed(0x600,
                      "\xF2\x21"
                      "FGHIJ",
                      7),
                 1);
    cr_assert(m.destination == 0xF2 && memcmp(m.data, "ABCDEFGHIJ", 10) == 0);
    cr_assert_eq(feed(0x700, "\x05\x02hi", 4), 1);
    cr_assert(m.destination == 5 && m.bytes == 2);
    feed(0x700, "\x05", 1);
    cr_assert_eq(stats().malformed, 1);
}

Test(transport, room)
{
    struct canp_transport_opts opts = CANP_TRANSPORT_OPTS_INIT;
    opts.sessions_max = 8;
    opts.bytes_max = 223;
    canp_transport_close(t);
    cr_assert_eq(canp_transport_open(&opts, &t), 0);
    for (uint32_t source = 0; source < 9; source++)
        feed(EFF | 0x1CECFF00 | source, BAM_12, 8);
    cr_assert_eq(stats().evicted, 1);
    feed(EFF | 0x1CEBFF00,
         "\x01"
         "abcdefg",
         8); /* the first one went */
    cr_assert_eq(stats().orphans, 1);
    feed(EFF | 0x1CEBFF08,
         "\x01"
         "abcdefg",
         8);
    cr_assert_eq(feed(EFF | 0x1CEBFF08, "\x02hijkl\xFF\xFF", 8), 1);
    feed(EFF | 0x1CECFF21, "\x20\xE0\x00\x20\xFF\xCA\xFE\x00", 8); /* 224 bytes */
    cr_assert_eq(stats().too_long, 1);
    opts.bytes_max = 222;
    struct canp_transport *none;
    cr_assert_eq(canp_transport_open(&opts, &none), -EINVAL);
    canp_transport_close(NULL);
}
