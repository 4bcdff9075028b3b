/* The README's fifteen lines: prints the frames of a recording. */
#include <canp/reader.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_record r;
    struct canp_why why;
    if (argc != 2 || canp_reader_open(argv[1], &reader, &why) < 0)
        return fprintf(stderr, "%s\n", argc == 2 ? why.text : "usage: consumer RECORDING"), 1;
    if (canp_cursor_open(reader, NULL, &cursor) < 0)
        return fprintf(stderr, "out of memory\n"), 1;
    while (canp_cursor_next(cursor, &r) == 1)
        if (r.kind == CANP_KIND_CAN) {
            const struct canp_iface *iface = canp_reader_iface(reader, r.channel); /* NULL: not named */
            printf("%lld %s %X %u\n", (long long)r.time_ns, iface ? iface->name : "?", r.frame->id,
                   r.frame->len);
        }
    canp_cursor_close(cursor);
    canp_reader_close(reader);
    return 0;
}
