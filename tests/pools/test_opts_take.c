/* Options structs of any release (canp/private/opts.h). */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#include <canp/private/opts.h>

/* What a library knows whose first release had `a` alone. */
struct known {
    size_t size;
    uint64_t a;
    uint64_t b;
};
#define FIRST_BYTES offsetof(struct known, b)

/* What a program of a later release hands in. */
struct newer {
    struct known known;
    uint64_t c;
};

static int take(struct known *taken, const void *opts)
{
    *taken = (struct known){1, 2, 3};
    return canp_opts_take(taken, sizeof(*taken), FIRST_BYTES, opts);
}

Test(opts_take, none_are_all_zero)
{
    struct known taken;
    cr_assert_eq(take(&taken, NULL), 0);
    cr_assert(taken.a == 0 && taken.b == 0 && taken.size == sizeof(taken));
}

Test(opts_take, a_size_of_zero_is_the_first_release)
{
    struct known taken, given = {0, 5, 6};
    cr_assert_eq(take(&taken, &given), 0);
    cr_assert(taken.a == 5 && taken.b == 0, "b was not there then");
}

Test(opts_take, nothing_is_read_behind_the_size)
{
    uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_eq(mprotect(page + 4096, 4096, PROT_NONE), 0);
    struct known taken, *given = (void *)(page + 4096 - FIRST_BYTES);
    given->size = FIRST_BYTES;
    given->a = 7;
    cr_assert_eq(take(&taken, given), 0);
    cr_assert(taken.a == 7 && taken.b == 0);
    munmap(page, 8192);
}

Test(opts_take, of_a_newer_release_only_what_is_known)
{
    struct known taken;
    struct newer given = {{sizeof(given), 8, 9}, 0};
    cr_assert_eq(take(&taken, &given), 0);
    cr_assert(taken.a == 8 && taken.b == 9 && taken.size == sizeof(taken));
    given.c = 1;
    cr_assert_eq(take(&taken, &given), -E2BIG);
    cr_assert(taken.a == 2 && taken.b == 3, "untouched");
}

Test(opts_take, garbage_sizes_are_refused)
{
    struct known taken, given = {SIZE_MAX, 0, 0};
    cr_assert_eq(take(&taken, &given), -E2BIG);
    given.size = 4097;
    cr_assert_eq(take(&taken, &given), -E2BIG);
    given.size = sizeof(size_t) - 1;
    cr_assert_eq(take(&taken, &given), -EINVAL);
}
