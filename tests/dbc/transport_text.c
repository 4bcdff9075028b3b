/*
 * Prints the messages that several frames brought, for comparison with other programs.
 * usage: transport_text [FILE.dbc] < candump.log; with a database its messages of more than 8 bytes are fast
 * packets. Each line: `time-in-ns channel KIND id bytes-in-hex frames`. The last line begins with # and has
 * the counters.
 */
#include <canp/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t channel_of(const char *name)
{
    static char names[16][32];
    static uint8_t count;
    for (uint8_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    if (count == 16)
        return 0;
    strcpy(names[count], name);
    return count++;
}

/* `(1234.567890) can0 123#0011` or `123##300..`. 1, or 0 when it is something else. */
static int read_frame(const char *line, int64_t *time_ns, uint8_t *channel, struct canp_frame *frame)
{
    long long seconds;
    unsigned micros, byte;
    char iface[32], id[16], data[256];
    if (sscanf(line, " (%lld.%6u) %31s %15[0-9A-Fa-f]#%255s", &seconds, &micros, iface, id, data) != 5)
        return 0;
    const char *hex = data[0] == '#' ? data + 2 : data;
    *time_ns = seconds * 1000000000 + micros * 1000LL;
    *channel = channel_of(iface);
    frame->id = (uint32_t)strtoul(id, NULL, 16) | (strlen(id) > 3 ? CANP_ID_EFF : 0);
    frame->len = 0;
    while (frame->len < 64 && sscanf(hex + 2 * frame->len, "%2x", &byte) == 1)
        frame->data[frame->len++] = (uint8_t)byte;
    return data[0] != 'R';
}

static void print_message(const struct canp_transport_message *m)
{
    static const char *const kinds[] = {"BAM", "RTS", "FAST", "ISOTP"};
    printf("%lld %u %s %08x ", (long long)m->time_ns, m->channel, kinds[m->kind], m->id);
    for (uint32_t i = 0; i < m->bytes; i++)
        printf("%02x", m->data[i]);
    printf(" %u\n", m->frames);
}

static int add_groups(struct canp_transport *t, const char *path)
{
    struct canp_why why;
    struct canp_dbc *dbc;
    if (canp_dbc_open(path, NULL, &dbc, &why) < 0) {
        fprintf(stderr, "transport_text: %s\n", why.text);
        return -1;
    }
    canp_transport_fast_groups_of(t, dbc);
    canp_dbc_release(dbc);
    return 0;
}

int main(int argc, char **argv)
{
    static char line[4096];
    union canp_frame_store store;
    struct canp_transport_message message;
    struct canp_transport_stats s;
    struct canp_transport *t;
    int64_t time_ns;
    uint8_t channel;
    if (canp_transport_open(NULL, &t) < 0 || (argc > 1 && add_groups(t, argv[1]) < 0))
        return 3;
    while (fgets(line, sizeof(line), stdin)) {
        memset(&store, 0, sizeof(store));
        if (read_frame(line, &time_ns, &channel, &store.frame) &&
            canp_transport_feed(t, time_ns, channel, &store.frame, &message))
            print_message(&message);
    }
    canp_transport_stats(t, &s);
    printf(
        "# frames %llu messages %llu incomplete %llu aborted %llu evicted %llu orphans %llu malformed %llu\n",
        (unsigned long long)s.frames, (unsigned long long)s.messages, (unsigned long long)s.incomplete,
        (unsigned long long)s.aborted, (unsigned long long)s.evicted, (unsigned long long)s.orphans,
        (unsigned long long)s.malformed);
    canp_transport_close(t);
    return 0;
}
