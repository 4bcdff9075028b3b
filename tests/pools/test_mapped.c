/* Mapped blocks: borrow, slice, hints, prefault, files that shrink under the reader, the SIGBUS guard. */
#include <canp/pools/mapped.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "emulated.h"
#include "temp_file.h"

TestSuite(mapped, .timeout = 60);

#define PAGE 4096

static struct canp_mapped *map_file(int fd)
{
    struct canp_mapped *mapped = NULL;

    cr_assert_eq(canp_mapped_open_fd(fd, &mapped), 0);
    return mapped;
}

static uint64_t mapped_bytes_now(void)
{
    struct canp_memstats stats;

    canp_memstats_read(&stats);
    return stats.tag[CANP_MEMTAG_MAPPINGS].current_bytes;
}

Test(mapped, borrow_within_its_bounds)
{
    int fd = temp_file(7, 10000);
    struct canp_mapped *mapped = map_file(fd);
    const uint8_t *data = NULL;
    uint64_t word;

    close(fd);
    cr_expect_eq(canp_mapped_bytes(mapped), 10000);
    cr_expect_eq(canp_mapped_status(mapped), 0);
    cr_expect_eq(canp_mapped_borrow(mapped, 9992, 9, &data), -ERANGE);
    cr_expect_eq(canp_mapped_borrow(mapped, 10001, 0, &data), -ERANGE);
    cr_expect_eq(canp_mapped_borrow(mapped, 1, SIZE_MAX, &data), -ERANGE);
    cr_expect_null(data, "*out was touched");
    cr_expect_eq(canp_mapped_borrow(mapped, 10000, 0, &data), 0);
    cr_assert_eq(canp_mapped_borrow(mapped, 9992, 8, &data), 0);
    memcpy(&word, data, 8);
    cr_expect_eq(word, UINT64_C(7) << 32 | 1249);
    cr_expect_eq(mapped_bytes_now(), 10000);
    cr_expect_eq(canp_ledger_each(0, NULL, NULL), 1);
    canp_mapped_release(mapped);
    cr_expect_eq(mapped_bytes_now(), 0);
    cr_expect_eq(canp_ledger_each(0, NULL, NULL), 0);
    canp_mapped_release(NULL);
}

Test(mapped, slices_keep_the_mapping)
{
    int fd = temp_file(1, 2 * PAGE);
    struct canp_mapped *mapped = map_file(fd);
    struct canp_buf slice, part;

    cr_expect_eq(canp_mapped_slice(mapped, PAGE, PAGE + 1, &slice), -ERANGE);
    cr_assert_eq(canp_mapped_slice(mapped, PAGE, PAGE, &slice), 0);
    cr_assert_eq(canp_buf_slice(&slice, 8, 8, &part), 0);
    canp_mapped_share(mapped);
    canp_mapped_release(mapped);
    canp_mapped_release(mapped);
    canp_buf_release(&slice);
    cr_expect_eq(part.data[0], PAGE / 8 + 1 - 512 + 0, "the word's position, modulo 256");
    cr_expect_eq(mapped_bytes_now(), 2 * PAGE);
    canp_buf_release(&part);
    cr_expect_eq(mapped_bytes_now(), 0);
    close(fd);
}

Test(mapped, hints_and_prefault)
{
    int fd = temp_file(1, 5 * PAGE);
    struct canp_mapped *mapped = map_file(fd);

    for (int hint = CANP_MAPPED_NORMAL; hint <= CANP_MAPPED_AT_HAND; hint++) {
        cr_expect_eq(canp_mapped_advise(mapped, 100, 3 * PAGE, (enum canp_mapped_hint)hint), 0);
        cr_expect_eq(canp_mapped_advise(mapped, 0, 6 * PAGE, (enum canp_mapped_hint)hint), -ERANGE);
    }
    cr_expect_eq(canp_mapped_prefault(mapped, 10, 5 * PAGE - 10), 0);
    cr_expect_eq(canp_mapped_prefault(mapped, 10, 5 * PAGE), -ERANGE);
    cr_expect_eq(canp_mapped_prefault(mapped, 5 * PAGE, 0), 0);
    cr_expect_eq(canp_mapped_status(mapped), 0, "a wrong range is the caller's error, not the file's");
    canp_mapped_release(mapped);
    close(fd);
}

Test(mapped, files_that_cannot_be_mapped)
{
    struct canp_mapped *mapped = NULL;
    int fds[2];

    cr_expect_eq(canp_mapped_open(AT_FDCWD, "/nowhere/at/all", &mapped), -ENOENT);
    cr_expect_eq(canp_mapped_open(AT_FDCWD, "/tmp", &mapped), -EINVAL);
    cr_expect_eq(canp_mapped_open(AT_FDCWD, "/dev/null", &mapped), -EINVAL);
    cr_expect_eq(canp_mapped_open_fd(-1, &mapped), -EBADF);
    cr_assert_eq(pipe(fds), 0);
    cr_expect_eq(canp_mapped_open_fd(fds[0], &mapped), -EINVAL);
    cr_expect_null(mapped);
    int fd = temp_file(0, 0);
    mapped = map_file(fd);
    const uint8_t *data;
    cr_expect_eq(canp_mapped_bytes(mapped), 0);
    cr_expect_eq(canp_mapped_borrow(mapped, 0, 0, &data), 0);
    cr_expect_eq(canp_mapped_borrow(mapped, 0, 1, &data), -ERANGE);
    canp_mapped_release(mapped);
    close(fd);
}

Test(mapped, no_more_than_the_bound)
{
    static struct canp_mapped *mapped[CANP_MAPPED_MAX + 1];
    int fd = temp_file(0, 1);

    for (int i = 0; i < CANP_MAPPED_MAX; i++)
        mapped[i] = map_file(fd);
    cr_expect_eq(canp_mapped_open_fd(fd, &mapped[CANP_MAPPED_MAX]), -EMFILE);
    canp_mapped_release(mapped[17]);
    cr_expect_eq(canp_mapped_open_fd(fd, &mapped[17]), 0);
    for (int i = 0; i < CANP_MAPPED_MAX; i++)
        canp_mapped_release(mapped[i]);
    cr_expect_eq(mapped_bytes_now(), 0);
    close(fd);
}

/* ---- files that shrink */

Test(mapped, prefault_finds_what_cannot_be_read)
{
    SKIP_WHEN_EMULATED("MADV_POPULATE_READ");
    int fd = temp_file(1, 4 * PAGE);
    struct canp_mapped *mapped = map_file(fd);
    const uint8_t *data;

    cr_assert_eq(ftruncate(fd, PAGE), 0);
    cr_expect_eq(canp_mapped_prefault(mapped, 0, PAGE), 0);
    cr_expect_eq(canp_mapped_prefault(mapped, 0, 2 * PAGE), -CANP_E_LOST);
    cr_expect_eq(canp_mapped_status(mapped), -CANP_E_LOST);
    cr_expect_eq(canp_mapped_borrow(mapped, 0, 1, &data), -CANP_E_LOST);
    canp_mapped_release(mapped);
    close(fd);
}

Test(mapped, without_the_guard_a_cut_file_kills, .signal = SIGBUS)
{
    signal(SIGBUS, SIG_DFL); /* not AddressSanitizer's own report */
    int fd = temp_file(1, 4 * PAGE);
    struct canp_mapped *mapped = map_file(fd);
    const uint8_t *data;

    canp_mapped_borrow(mapped, 0, 4 * PAGE, &data);
    cr_assert_eq(ftruncate(fd, PAGE), 0);
    ((volatile const uint8_t *)data)[2 * PAGE];
}

Test(mapped, with_the_guard_a_cut_file_is_an_error_of_that_mapping)
{
    SKIP_WHEN_EMULATED("address in a SIGBUS");
    int fd[2] = {temp_file(1, 4 * PAGE + 100), temp_file(2, 4 * PAGE)};
    struct canp_mapped *cut = map_file(fd[0]), *whole = map_file(fd[1]);
    const uint8_t *data;
    unsigned sum = 0;

    cr_assert_eq(canp_sigbus_guard_install(), 0);
    cr_assert_eq(canp_sigbus_guard_install(), 0);
    canp_mapped_borrow(cut, 0, 4 * PAGE + 100, &data);
    cr_assert_eq(ftruncate(fd[0], PAGE), 0);
    for (size_t i = 4 * PAGE + 100; i-- > PAGE;) /* backwards: a fault on each page */
        sum += ((volatile const uint8_t *)data)[i];
    cr_expect_eq(sum, 0, "what is lost reads as zeros");
    cr_expect_eq(data[8], 1, "what is there is there");
    cr_expect_eq(canp_mapped_status(cut), -CANP_E_LOST);
    cr_expect_eq(canp_mapped_status(whole), 0);
    canp_mapped_release(cut);
    canp_mapped_release(whole);
    canp_sigbus_guard_remove();
}

static sigjmp_buf somewhere_else;

static void jump_out(int number)
{
    (void)number;
    siglongjmp(somewhere_else, 1);
}

Test(mapped, a_fault_of_somebody_else_goes_to_the_handler_before)
{
    int fd = temp_file(1, 2 * PAGE);
    volatile const uint8_t *foreign = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);

    cr_assert_neq((void *)(uintptr_t)foreign, MAP_FAILED);
    signal(SIGBUS, jump_out);
    cr_assert_eq(canp_sigbus_guard_install(), 0);
    cr_assert_eq(ftruncate(fd, 0), 0);
    if (sigsetjmp(somewhere_else, 1) == 0) {
        (void)foreign[PAGE];
        cr_assert(0, "no fault");
    }
    canp_sigbus_guard_remove();
    if (sigsetjmp(somewhere_else, 1) == 0) {
        (void)foreign[PAGE];
        cr_assert(0, "the handler was not put back");
    }
}
