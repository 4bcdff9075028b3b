/* <canp/version.h>: the macros and the library agree, and the compile-time check compares rightly. */
#include <criterion/criterion.h>
#include <stdio.h>

#include <canp/version.h>

#if !CANP_VERSION_AT_LEAST(0, 1, 0) || CANP_VERSION_AT_LEAST(CANP_VERSION_MAJOR, CANP_VERSION_MINOR + 1, 0)
#error "CANP_VERSION_AT_LEAST() compares wrongly"
#endif

Test(version, headers_and_library_agree)
{
    char text[64];
    snprintf(text, sizeof(text), "%d.%d.%d", CANP_VERSION_MAJOR, CANP_VERSION_MINOR, CANP_VERSION_PATCH);
    cr_assert_str_eq(canp_version(), text);
    cr_assert_str_eq(CANP_VERSION_STRING, text);
    cr_assert_eq(canp_version_number(), CANP_VERSION_NUMBER);
}

Test(version, later_releases_have_greater_numbers)
{
    cr_assert_lt(CANP_VERSION_NUMBER_OF(0, 1, 999), CANP_VERSION_NUMBER_OF(0, 2, 0));
    cr_assert_lt(CANP_VERSION_NUMBER_OF(0, 999, 999), CANP_VERSION_NUMBER_OF(1, 0, 0));
}
