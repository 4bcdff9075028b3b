/* Untrusted text: what is shown, what is spelled out, and back again (canp/safe_text.h). */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <canp/safe_text.h>

static const char *shown(const char *text, size_t bytes, unsigned how)
{
    static char out[512];
    cr_assert_eq(canp_safe_text(out, sizeof(out), text, bytes, how), strlen(out));
    return out;
}

#define SHOWN(text) shown(text, sizeof(text) - 1, 0)
#define WORD(text)  shown(text, sizeof(text) - 1, CANP_SAFE_WORD)

Test(safe_text, usual_text_stays)
{
    cr_assert_str_eq(SHOWN("vin=WDB 1234 ~!\"#$%&'()"), "vin=WDB 1234 ~!\"#$%&'()");
    cr_assert_str_eq(SHOWN("Pr\xC3\xBC"
                           "fstand \xE2\x82\xAC \xF0\x9F\x9A\x97"),
                     "Pr\xC3\xBC"
                     "fstand \xE2\x82\xAC \xF0\x9F\x9A\x97");
    cr_assert_str_eq(WORD("vcan0"), "vcan0");
    cr_assert_str_eq(SHOWN(""), "");
}

Test(safe_text, what_is_spelled_out)
{
    cr_assert_str_eq(SHOWN("\033]0;X\007"), "\\x1B]0;X\\x07");
    cr_assert_str_eq(SHOWN("a\n(1.0) b\r\t\0c\x7F"), "a\\x0A(1.0) b\\x0D\\x09\\x00c\\x7F");
    cr_assert_str_eq(SHOWN("\xC2\x9B"
                           "31m"),
                     "\\xC2\\x9B31m");
    cr_assert_str_eq(SHOWN("\x9B"
                           "31m"),
                     "\\x9B31m");
    cr_assert_str_eq(SHOWN("\xE2\x80\xAE"
                           "gpj.exe"),
                     "\\xE2\\x80\\xAEgpj.exe");
    cr_assert_str_eq(SHOWN("\xE2\x81\xA6\xEF\xBB\xBF"), "\\xE2\\x81\\xA6\\xEF\\xBB\\xBF");
    cr_assert_str_eq(SHOWN("\xF3\xA0\x81\x81"), "\\xF3\\xA0\\x81\\x81");
    cr_assert_str_eq(SHOWN("C:\\x0A"), "C:\\\\x0A");
    cr_assert_str_eq(WORD("a 7DF#02\n;"), "a\\x207DF#02\\x0A;");
    /* no UTF-8: too long a form, a surrogate, beyond the last character, cut off */
    cr_assert_str_eq(SHOWN("\xC0\x8A"), "\\xC0\\x8A");
    cr_assert_str_eq(SHOWN("\xED\xA0\x80"), "\\xED\\xA0\\x80");
    cr_assert_str_eq(SHOWN("\xF4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80");
    cr_assert_str_eq(SHOWN("\xE2\x82"), "\\xE2\\x82");
}

Test(safe_text, cut_between_characters)
{
    char out[8];
    cr_assert_eq(canp_safe_text(out, sizeof(out), "abcde\xE2\x82\xAC", 8, 0), 5);
    cr_assert_str_eq(out, "abcde");
    cr_assert_eq(canp_safe_text(out, sizeof(out), "abcd\n", 5, 0), 4);
    cr_assert_str_eq(out, "abcd");
    cr_assert_eq(canp_safe_text(out, 1, "abc", 3, 0), 0);
    cr_assert_str_eq(out, "");
}

Test(safe_text, any_bytes_come_back)
{
    char text[64], out[4 * 64 + 1], back[sizeof(out)];
    srand(13);
    for (unsigned n = 0; n < 200000; n++) {
        size_t bytes = (size_t)rand() % sizeof(text);
        for (size_t i = 0; i < bytes; i++)
            text[i] = rand() % 4 ? "\\x0A \xC2\x9B\xE2\x80\xAE"[rand() % 10] : (char)rand();
        size_t used = canp_safe_text(out, sizeof(out), text, bytes, n & CANP_SAFE_WORD);
        for (size_t i = 0; i < used; i++)
            cr_assert(((uint8_t)out[i] >= 0x20 && out[i] != 0x7F) && !((n & 1) && out[i] == ' '));
        cr_assert_eq(canp_safe_restore(back, out, used), bytes);
        cr_assert_eq(memcmp(back, text, bytes), 0);
    }
}

Test(safe_text, what_is_no_spelling_stands_for_itself)
{
    static const char text[] = "a\\b\\x1\\xg0\\x0a\\";
    char back[sizeof(text)];
    cr_assert_eq(canp_safe_restore(back, text, sizeof(text) - 1), sizeof(text) - 1);
    cr_assert_eq(memcmp(back, text, sizeof(text) - 1), 0);
}

static const char *json(const char *text)
{
    static char out[256];
    char piece[CANP_SAFE_JSON_BYTES];
    out[0] = '\0';
    for (size_t left = strlen(text), took; left; left -= took, text += took) {
        took = canp_safe_json_char(text, left, piece);
        strcat(out, piece);
    }
    return out;
}

Test(safe_text, json)
{
    cr_assert_str_eq(json("a\"\\\n\x7F"), "a\\\"\\\\\\u000a\\u007f");
    cr_assert_str_eq(json("\xC2\x9B\xE2\x80\xAE\x80"), "\\u009b\\u202e\\ufffd");
    cr_assert_str_eq(json("\xF3\xA0\x81\x81 \xF0\x9F\x9A\x97"), "\\udb40\\udc41 \xF0\x9F\x9A\x97");
}

static const char *csv(const char *text)
{
    static char out[256];
    cr_assert_eq(canp_safe_csv(out, CANP_SAFE_CSV_BYTES(strlen(text)), text, strlen(text)), strlen(out));
    return out;
}

Test(safe_text, csv)
{
    cr_assert_str_eq(csv("vcan0"), "vcan0");
    cr_assert_str_eq(csv(""), "");
    cr_assert_str_eq(csv("a,\"b\""), "\"a,\"\"b\"\"\"");
    cr_assert_str_eq(csv("=1+cmd|A0"), "\"'=1+cmd|A0\"");
    cr_assert_str_eq(csv("+1"), "\"'+1\"");
    cr_assert_str_eq(csv("-1"), "\"'-1\"");
    cr_assert_str_eq(csv("@x"), "\"'@x\"");
    cr_assert_str_eq(csv("'=x"), "\"''=x\"");
    cr_assert_str_eq(csv("a=1"), "a=1");
    cr_assert_str_eq(csv("\t=1\n"), "\\x09=1\\x0A");
    cr_assert_str_eq(csv("\"\"\"\""), "\"\"\"\"\"\"\"\"\"\"");
}
