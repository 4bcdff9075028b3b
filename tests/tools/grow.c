/*
 * Writes a recording that grows, for tests of what looks at one: two interfaces, one with a bit rate, known
 * IDs with known periods, a gap, an error frame and a change of state. `grow DIR SECONDS`: so many seconds of
 * traffic in real time; 0: all of 10 s at once, and sealed.
 */
#include <canp/pools/clock.h>
#include <canp/writer.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MS INT64_C(1000000)

static void put(struct canp_writer *w, int64_t time_ns, uint8_t channel, uint32_t id, uint8_t len, unsigned n)
{
    union canp_frame_store store = {.bytes = {0}};
    store.frame.id = id;
    store.frame.len = len;
    for (unsigned i = 0; i < len; i++)
        store.bytes[8 + i] = (uint8_t)(i == 0 ? n : 0xA0 + i);
    struct canp_record r = {
        .time_ns = time_ns, .kind = CANP_KIND_CAN, .channel = channel, .frame = &store.frame};
    if (canp_writer_put(w, &r) < 0)
        abort();
}

/* Milliseconds `n` of the traffic: 100 each ms, 200 each 10 ms, 18DAF110 each 100 ms, 300 on the other
 * interface. */
static void traffic(struct canp_writer *w, int64_t start_ns, unsigned n)
{
    int64_t time_ns = start_ns + n * MS;
    put(w, time_ns, 0, 0x100, 8, n);
    if (n % 10 == 0)
        put(w, time_ns + 1000, 0, 0x200, 2, n / 10);
    if (n % 100 == 0)
        put(w, time_ns + 2000, 0, 0x18DAF110 | CANP_ID_EFF, 8, n / 100);
    if (n % 20 == 0)
        put(w, time_ns + 3000, 1, 0x300, 0, n);
    if (n == 500) {
        struct canp_gap gap = {.layer = CANP_LAYER_SOCKET,
                               .bytes = sizeof(gap),
                               .lost = 17,
                               .from_ns = time_ns,
                               .to_ns = time_ns};
        struct canp_link_event e = {.code = CANP_LINK_STATE,
                                    .bytes = sizeof(e),
                                    .name = "can0",
                                    .state = 1,
                                    .tx_errors = 97,
                                    .rx_errors = 3};
        struct canp_record r = {.time_ns = time_ns, .kind = CANP_KIND_GAP, .gap = &gap};
        canp_writer_put(w, &r);
        r = (struct canp_record){.time_ns = time_ns, .kind = CANP_KIND_LINK, .link = &e};
        canp_writer_put(w, &r);
        put(w, time_ns + 4000, 0, CANP_ID_ERR | 4, 8, 0);
    }
}

int main(int argc, char **argv)
{
    struct canp_writer_opts opts = CANP_WRITER_OPTS_INIT;
    struct canp_writer *w;
    struct canp_why why;
    struct canp_iface can0 = {.mtu = 16, .bytes = sizeof(can0), .name = "can0", .bitrate = 500000};
    struct canp_iface vcan0 = {.mtu = 72, .bytes = sizeof(vcan0), .name = "vcan0"};
    if (argc != 3)
        return 2;
    unsigned seconds = (unsigned)strtoul(argv[2], NULL, 10), end = (seconds ? seconds : 10) * 1000;
    int64_t start_ns = seconds ? canp_realtime_ns() : INT64_C(1700000000000000000);
    opts.no_sync = true;
    if (canp_writer_open(argv[1], &opts, &w, &why) < 0) {
        fprintf(stderr, "grow: %s\n", why.text);
        return 3;
    }
    if (canp_writer_add_iface(w, 0, &can0, start_ns) < 0 || canp_writer_add_iface(w, 1, &vcan0, start_ns) < 0)
        return 3;
    for (unsigned n = 0; n < end; n++) {
        traffic(w, start_ns, n);
        if (!seconds || n % 50)
            continue;
        canp_writer_flush(w);
        struct timespec pause = {.tv_nsec = 1000000};
        while (canp_realtime_ns() < start_ns + n * MS)
            nanosleep(&pause, NULL);
    }
    int r = canp_writer_finish(w);
    canp_writer_close(w);
    return r < 0 ? 3 : 0;
}
