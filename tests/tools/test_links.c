/* The list of all interfaces: asked again when there are more than it has room for. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "live/links.h"

static unsigned there, more_each_time, asked;

/* As canp_link_list() does: fills what fits, tells how many there are. */
static int list(struct canp_link *out, unsigned count)
{
    asked++;
    for (unsigned i = 0; i < there && i < count; i++)
        snprintf(out[i].name, sizeof(out[i].name), "can%u", i);
    unsigned n = there;
    there += more_each_time;
    return (int)n;
}

static int fail(struct canp_link *out, unsigned count)
{
    (void)out;
    (void)count;
    return -EAFNOSUPPORT;
}

static void check(unsigned count)
{
    struct canp_link *links;
    char name[16];
    there = count;
    more_each_time = asked = 0;
    cr_assert_eq(links_all(list, &links), (int)count);
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "can%u", i);
        cr_assert_str_eq(links[i].name, name);
    }
    free(links);
}

Test(links, all_of_them)
{
    static const unsigned counts[] = {0, 1, 63, 64, 65, 256, 257, 5000};
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        check(counts[i]);
}

Test(links, some_come_meanwhile)
{
    struct canp_link *links;
    there = 100;
    more_each_time = 50;
    asked = 0;
    int n = links_all(list, &links);
    cr_assert_eq(asked, 2);
    cr_assert_eq(n, 150);
    cr_assert_str_eq(links[149].name, "can149");
    free(links);
}

Test(links, a_failure_is_passed_on)
{
    struct canp_link *links;
    cr_assert_eq(links_all(fail, &links), -EAFNOSUPPORT);
    cr_assert_null(links);
}
