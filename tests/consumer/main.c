/* Prints the frames of a recording. The program has a CRC32C of its own, by the names that such functions
 * usually have: the library, shared or static, must neither collide with it nor call it. */
#include <canp/reader.h>
#include <stdio.h>
#include <stdlib.h>

unsigned crc32c(unsigned crc, const void *data, size_t bytes);
unsigned CRC32C(unsigned crc, const void *data, size_t bytes);

unsigned crc32c(unsigned crc, const void *data, size_t bytes)
{
    (void)crc, (void)data, (void)bytes;
    abort(); /* the library has its own */
}

unsigned CRC32C(unsigned crc, const void *data, size_t bytes)
{
    return crc32c(crc, data, bytes);
}

int main(int argc, char **argv)
{
    struct canp_reader *reader;
    struct canp_cursor *cursor;
    struct canp_record r;
    struct canp_why why;
    if (argc != 2 || canp_reader_open(argv[1], &reader, &why) < 0)
        return fprintf(stderr, "%s\n", argc == 2 ? why.text : "usage: consumer RECORDING"), 1;
    int status = canp_cursor_open(reader, NULL, &cursor);
    while (status == 0 && canp_cursor_next(cursor, &r) == 1) {
        const struct canp_iface *iface = canp_reader_iface(reader, r.channel); /* NULL: no record names it */
        if (r.kind == CANP_KIND_CAN)
            printf("%lld %s %X %u\n", (long long)r.time_ns, iface ? iface->name : "?", r.frame->id,
                   r.frame->len);
    }
    if (status == 0)
        canp_cursor_close(cursor);
    canp_reader_close(reader);
    return status < 0;
}
