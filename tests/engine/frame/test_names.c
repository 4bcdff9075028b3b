/* Names of kinds, layers and states (canp/names.h): each value has its own, and others have none. */
#include <criterion/criterion.h>

#include <canp/names.h>

Test(names, of_what_is_known)
{
    cr_assert_str_eq(canp_kind_name(CANP_KIND_CAN), "can");
    cr_assert_str_eq(canp_kind_name(CANP_KIND_CLOCK), "clock");
    cr_assert_str_eq(canp_dir_name(CANP_DIR_OWN), "own");
    cr_assert_str_eq(canp_layer_name(CANP_LAYER_SOCKET), "socket");
    cr_assert_str_eq(canp_layer_name(CANP_LAYER_STORE), "store");
    cr_assert_str_eq(canp_link_code_name(CANP_LINK_RENAMED), "renamed");
    cr_assert_str_eq(canp_controller_state_name(0), "error-active");
    cr_assert_str_eq(canp_controller_state_name(5), "sleeping");
}

Test(names, of_nothing_else)
{
    cr_assert_null(canp_kind_name(CANP_KIND_XL + 1));
    cr_assert_null(canp_kind_name(CANP_KIND_CLOCK + 1));
    cr_assert_null(canp_dir_name(3));
    cr_assert_null(canp_layer_name(0));
    cr_assert_null(canp_layer_name(UINT32_MAX));
    cr_assert_null(canp_link_code_name(0));
    cr_assert_null(canp_controller_state_name(6));
    cr_assert_null(canp_controller_state_name(UINT32_MAX));
}
