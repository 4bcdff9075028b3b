/*
 * A log of the format FORMAT from hostile bytes: no crash, every record is well-formed, reading ends, and
 * recognition by content does not crash either. Built once for each line of engine/formats/log_table.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <canp/candump.h>
#include <canp/log.h>
#include <canp/rows.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool what)
{
    if (!what)
        abort();
}

/* As a recording takes it: sizes in bounds, known kinds. */
static void check_record(const struct canp_record *record)
{
    static _Alignas(8) uint8_t block[CANP_ROW_BYTES_MAX * 2];
    static char line[CANP_CANDUMP_LINE_BYTES];
    static const char name[CANP_IFACE_NAME_BYTES] = "can0";
    struct canp_rowbuf rows;
    canp_rowbuf_init(&rows, block, sizeof(block));
    require(canp_rowbuf_put_record(&rows, record) == 0);
    require(canp_rows_check(block, rows.used_bytes) == 1);
    size_t bytes = canp_candump_format(record, name, 0, line);
    require(bytes > 0 && bytes <= sizeof(line));
}

static void read_all(int fd, const char *format, size_t size)
{
    struct canp_log_read_opts opts = {.size = sizeof(opts), .format = format};
    struct canp_log_reader *reader;
    struct canp_record record;
    struct canp_why why;
    uint64_t count = 0;
    lseek(fd, 0, SEEK_SET);
    if (canp_log_open_fd(fd, "fuzz", &opts, &reader, &why) < 0) {
        require(memchr(why.text, 0, sizeof(why.text)) != NULL && why.text[0]);
        return;
    }
    while (canp_log_next(reader, &record) == 1) {
        check_record(&record);
        require(canp_log_iface(reader, record.channel) != NULL);
        require(++count <=
                64 * (uint64_t)size + 1024); /* no file of so many bytes holds more, packed ones aside */
    }
    const struct canp_log_stats *s = canp_log_reader_stats(reader);
    require(s->frames <= s->records && s->records + CANP_IFACE_NAME_BYTES * 16 >= count);
    canp_log_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    read_all(fd, FORMAT, size);
    read_all(fd, NULL, size);
    close(fd);
    return 0;
}
