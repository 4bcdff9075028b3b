/* What a program may get wrong, or leave out, within the headers' word: it is refused or does nothing. */
#include "gen/vehicle.h"
#include <canp/candump.h>
#include <canp/merge.h>
#include <canp/pools/mapcache.h>
#include <canp/pools/mapped.h>
#include <canp/pools/mempool.h>
#include <canp/pools/monitor.h>
#include <canp/pools/objpool.h>
#include <canp/pools/slabring.h>
#include <canp/reader.h>
#include <canp/writer.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(misuse, closers_take_null)
{
    canp_reader_close(NULL);
    canp_cursor_close(NULL);
    canp_merge_close(NULL);
    canp_writer_close(NULL);
    canp_candump_close(NULL);
    canp_vehicle_close(NULL);
    canp_monitor_close(NULL);
    canp_mapcache_close(NULL);
    canp_mapped_release(NULL);
    canp_mempool_close(NULL);
    canp_objpool_close(NULL);
    canp_slabring_close(NULL);
}

Test(misuse, outputs_stay_when_nothing_opens)
{
    struct canp_reader *reader = (struct canp_reader *)&reader;

    cr_expect_eq(canp_reader_open("/nonexistent", &reader, NULL), -ENOENT);
    cr_expect_eq(reader, (struct canp_reader *)&reader);
}

Test(misuse, every_number_has_an_error_text)
{
    const int numbers[] = {0, 1, -1, INT_MAX, INT_MIN, -CANP_E_FOREIGN, -4299};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        cr_expect(canp_strerror(numbers[i])[0] != '\0', "%d", numbers[i]);
}

/* Records that no reader would take back are refused; what is beside them is kept, named or not. */
Test(misuse, a_writer_takes_what_a_reader_gives_back)
{
    char top[] = "/tmp/canp-misuse-XXXXXX", dir[64], command[64];
    union canp_frame_store f = {.frame = {.id = 0x123, .len = 8}};
    struct canp_record r = {.time_ns = 1, .channel = 9, .frame = &f.frame};
    struct canp_iface_info ifaces[256];
    struct canp_reader *reader;
    struct canp_writer *w;
    struct canp_info info;

    cr_assert_not_null(mkdtemp(top));
    snprintf(dir, sizeof(dir), "%s/r", top);
    cr_assert_eq(canp_writer_open(dir, NULL, &w, NULL), 0);
    for (unsigned dir_code = 0; dir_code < 256; dir_code++) {
        r.dir = (uint8_t)dir_code;
        cr_expect_eq(canp_writer_put(w, &r), dir_code <= CANP_DIR_OWN ? 0 : -EINVAL, "%u", dir_code);
    }
    r.dir = 0;
    f.frame.len = 9;
    cr_expect_eq(canp_writer_put(w, &r), -EINVAL);
    r.kind = 7;
    cr_expect_eq(canp_writer_put(w, &r), -EINVAL);
    cr_assert_eq(canp_writer_finish(w), 0);
    canp_writer_close(w);

    cr_assert_eq(canp_reader_open(dir, &reader, NULL), 0);
    cr_assert_eq(canp_reader_info_ifaces(reader, false, &info, ifaces, 256), 10,
                 "its channel has frames, but no name");
    cr_expect_eq(info.frames, 3);
    cr_expect_eq(info.damaged, 0);
    cr_expect_eq(ifaces[9].frames, 3);
    cr_expect_str_empty(ifaces[9].iface.name);
    canp_reader_close(reader);
    snprintf(command, sizeof(command), "rm -r %s", top);
    cr_expect_eq(system(command), 0);
}
