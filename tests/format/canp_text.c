/* Prints a recording in the same plain text form as canp_read.py, through libcanp's public API: the two must
 * agree to the letter. */
#include <canp/reader.h>

#include <inttypes.h>
#include <stdio.h>

static void put_hex(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        printf("%02X", data[i]);
    puts(bytes ? "" : "-");
}

static void put_name(const char name[CANP_IFACE_NAME_BYTES])
{
    printf(" %.*s", name[0] ? CANP_IFACE_NAME_BYTES : 1, name[0] ? name : "-");
}

static void put_frame(const struct canp_record *r)
{
    const struct canp_frame *f = r->frame;
    const struct canp_xl_frame *x = r->xl;
    if (r->kind == CANP_KIND_XL) {
        printf("xl %08X %02X %02X %u %08X ", x->prio, x->flags, x->sdt, x->len, x->af);
        put_hex(x->data, x->len);
        return;
    }
    printf("%s %08X %u %02X %02X %u ", r->kind == CANP_KIND_FD ? "fd" : "can", f->id, f->len, f->flags,
           f->res0, f->len8_dlc);
    put_hex(f->data, f->len);
}

static void put_iface(const struct canp_iface *i)
{
    printf("iface %u", i->mtu);
    put_name(i->name);
    printf(" %u %u %u %u\n", i->ifindex, i->bitrate, i->dbitrate, i->ctrlmode);
}

static void put_link(const struct canp_link_event *l)
{
    printf("link %u", l->code);
    put_name(l->name);
    printf(" %u %u %u\n", l->state, l->tx_errors, l->rx_errors);
}

static void put_clock_end(const struct canp_clock *c)
{
    if (canp_clock_has_boottime(c))
        printf("%" PRId64 " %" PRId64 " ", c->boottime_ns, c->suspended_ns);
    put_hex(c->boot_id, 16);
}

static void put_event(const struct canp_record *r)
{
    switch (r->kind) {
    case CANP_KIND_GAP:
        printf("gap %u %" PRIu64 " %" PRId64 " %" PRId64 "\n", r->gap->layer, r->gap->lost, r->gap->from_ns,
               r->gap->to_ns);
        break;
    case CANP_KIND_IFACE:
        put_iface(r->iface);
        break;
    case CANP_KIND_LINK:
        put_link(r->link);
        break;
    case CANP_KIND_MARK:
        printf("mark %u ", r->event->code);
        put_hex(r->event->payload, r->event->bytes - 8U);
        break;
    case CANP_KIND_CLOCK:
        printf("clock %u %" PRId64 " %" PRId64 " ", r->clock->code, r->clock->realtime_ns,
               r->clock->monotonic_ns);
        put_clock_end(r->clock);
        break;
    }
}

static int put_records(struct canp_reader *reader)
{
    struct canp_cursor *cursor;
    struct canp_record r;
    int result = canp_cursor_open(reader, NULL, &cursor);
    if (result < 0)
        return result;
    while ((result = canp_cursor_next(cursor, &r)) == 1) {
        printf("%" PRId64 " %u %u ", r.time_ns, r.channel, r.dir);
        if (r.has_hw_time)
            printf("%" PRId64 " ", r.hw_time_ns);
        else
            fputs("- ", stdout);
        if (canp_kind_is_frame(r.kind))
            put_frame(&r);
        else
            put_event(&r);
    }
    canp_cursor_close(cursor);
    return result;
}

int main(int argc, char **argv)
{
    struct canp_reader *reader;
    struct canp_info info;
    struct canp_why why = {""};
    if (argc != 2) {
        fputs("usage: canp_text SEGMENT.canp|DIRECTORY\n", stderr);
        return 2;
    }
    if (canp_reader_open(argv[1], &reader, &why) < 0) {
        fprintf(stderr, "%s\n", why.text);
        return 3;
    }
    int r = put_records(reader);
    if (r == 0)
        r = canp_reader_info(reader, &info);
    if (r == 0)
        printf("end: %" PRIu64 " blocks, %" PRIu64 " records, %" PRIu64 " frames, %" PRIu64
               " lost, %u damaged, %s\n",
               info.blocks, info.records, info.frames, info.lost, info.damaged,
               info.live ? "live" : "sealed");
    else
        fprintf(stderr, "%s: %s\n", argv[1], canp_strerror(r));
    canp_reader_close(reader);
    return r == 0 ? 0 : 3;
}
