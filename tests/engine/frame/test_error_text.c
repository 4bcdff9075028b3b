/* Error frames in words, those of candump -e (canp/error_text.h). */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <canp/error_text.h>

#define ERR CANP_ID_ERR

static union {
    struct canp_frame frame;
    uint8_t bytes[8 + 8];
} f;

static const char *text(uint32_t id, const char *data)
{
    static char out[CANP_ERROR_TEXT_BYTES + 1];
    memset(&f, 0, sizeof(f));
    f.frame.id = id | ERR;
    f.frame.len = 8;
    memcpy(f.frame.data, data, 8);
    out[CANP_ERROR_TEXT_BYTES] = '!';
    cr_assert_eq(canp_error_text(&f.frame, ",", out), strlen(out));
    cr_assert_eq(out[CANP_ERROR_TEXT_BYTES], '!');
    return out;
}

Test(error_text, candumps_words)
{
    cr_assert_str_eq(text(0x1, "\0\0\0\0\0\0\0\0"), "tx-timeout");
    cr_assert_str_eq(text(0x2, "\x0B\0\0\0\0\0\0\0"), "lost-arbitration{at bit 11}");
    cr_assert_str_eq(text(0x4, "\0\x04\0\0\0\0\0\0"), "controller-problem{rx-error-warning}");
    cr_assert_str_eq(text(0x4, "\0\0\0\0\0\0\0\0"), "controller-problem{}");
    cr_assert_str_eq(text(0x4, "\0\xC3\0\0\0\0\0\0"),
                     "controller-problem{rx-overflow,tx-overflow,back-to-error-active}");
    cr_assert_str_eq(text(0x88, "\0\0\x84\x19\0\0\0\0"),
                     "protocol-violation{{bit-stuffing-error,error-on-tx}{acknowledge-slot}},bus-error");
    cr_assert_str_eq(text(0x8, "\0\0\0\x10\0\0\0\0"), "protocol-violation{{}{unspecified}}");
    cr_assert_str_eq(text(0x8, "\0\0\x01\x20\0\0\0\0"), "protocol-violation{{single-bit-error}{}}");
    cr_assert_str_eq(text(0x30, "\0\0\0\0\x07\0\0\0"), "transceiver-status,no-acknowledgement-on-tx");
    cr_assert_str_eq(text(0x140, "\0\0\0\0\0\0\0\0"), "bus-off,restarted-after-bus-off");
    cr_assert_str_eq(text(0x200, "\0\0\0\0\0\0\x60\x7F"), "error-counter-tx-rx{{96}{127}}");
    cr_assert_str_eq(text(0x204, "\0\x08\0\0\0\0\x60\0"),
                     "controller-problem{tx-error-warning},error-counter-tx-rx{{96}{0}}");
    /* drivers from before CAN_ERR_CNT */
    cr_assert_str_eq(text(0x4, "\0\x20\0\0\0\0\x80\x03"),
                     "controller-problem{tx-error-passive},error-counter-tx-rx{{128}{3}}");
}

Test(error_text, what_candump_does_not_know)
{
    cr_assert_str_eq(text(0, "\0\0\0\0\0\0\0\0"), "unknown-class-0x0");
    cr_assert_str_eq(text(0x440, "\0\0\0\0\0\0\0\0"), "bus-off,unknown-class-0x400");
}

Test(error_text, all_bits_at_once_fit)
{
    char out[CANP_ERROR_TEXT_BYTES + 1];
    text(CANP_ID_EFF_MASK, "\xFF\xFF\xFF\x11\xFF\xFF\xFF\xFF");
    out[CANP_ERROR_TEXT_BYTES] = '!';
    size_t bytes = canp_error_text(&f.frame, "12345678", out);
    cr_assert_eq(bytes, strlen(out));
    cr_assert_lt(bytes, CANP_ERROR_TEXT_BYTES - 100);
    cr_assert_not_null(strstr(out, "unknown-class-0x1ffffc00"));
}

Test(error_text, a_short_frame_is_not_read_beyond_its_data)
{
    struct canp_frame *bare = malloc(sizeof(*bare)); /* the address sanitizer watches its end */
    char out[CANP_ERROR_TEXT_BYTES];
    *bare = (struct canp_frame){.id = ERR | 0x3FF};
    canp_error_text(bare, "\n\t", out);
    cr_assert_eq(strncmp(out, "tx-timeout\n\tlost-arbitration{at bit 0}\n\tcontroller-problem{}\n\t", 60), 0);
    free(bare);
}

Test(error_text, facts)
{
    struct canp_error_facts e;
    text(0x21A, "\x05\xFF\x02\x1A\x57\0\x01\x02");
    canp_error_read(&f.frame, &e);
    cr_assert_eq(e.classes, 0x21A);
    cr_assert_eq(e.arbitration_bit, 5);
    cr_assert_eq(e.controller, 0, "its class is not set");
    cr_assert_eq(e.protocol, 2);
    cr_assert_str_eq(e.location, "end-of-frame");
    cr_assert_str_eq(e.can_high, "short-to-ground");
    cr_assert_str_eq(e.can_low, "short-to-battery");
    cr_assert(e.has_counters && e.tx_errors == 1 && e.rx_errors == 2);
    cr_assert_null(canp_error_class_name(10));
    cr_assert_null(canp_error_controller_name(7));
    cr_assert_null(canp_error_protocol_name(8));
}
