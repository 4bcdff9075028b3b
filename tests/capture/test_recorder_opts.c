/* The recorder's options struct: what a newer program asks for and this library does not know is refused. */
#include <canp/recorder.h>
#include <criterion/criterion.h>
#include <errno.h>

TestSuite(recorder_opts, .timeout = 30);

Test(recorder_opts, an_option_of_a_newer_library_is_refused)
{
    struct {
        struct canp_recorder_opts opts;
        uint64_t newer;
    } later = {.opts.size = sizeof(later), .newer = 1};
    struct canp_recorder *recorder = NULL;
    struct canp_why why;

    cr_expect_eq(canp_recorder_open(&later.opts, &recorder, &why), -E2BIG);
    cr_expect_null(recorder);
    cr_expect_str_eq(why.text, "recorder: options that this release of libcanp does not know");
    later.newer = 0;
    cr_expect_eq(canp_recorder_open(&later.opts, &recorder, &why), -EINVAL, "there is no directory");
    later.opts.size = 1;
    cr_expect_eq(canp_recorder_open(&later.opts, &recorder, &why), -EINVAL);
}
