/* Writes a recording whose names of interfaces and notes hold terminal escapes, a forged log line, a formula.
 * usage: evil_names NEW */
#include <canp/writer.h>
#include <stdio.h>
#include <string.h>

static int note(struct canp_writer *w, const char *text)
{
    union {
        struct canp_event event;
        unsigned char bytes[300];
    } mark = {.event = {.code = CANP_MARK_NOTE}};
    mark.event.bytes = (uint16_t)(sizeof(mark.event) + strlen(text));
    memcpy(mark.event.payload, text, strlen(text));
    struct canp_record r = {.time_ns = 1700000000000000000, .kind = CANP_KIND_MARK, .event = &mark.event};
    return canp_writer_put(w, &r);
}

int main(int argc, char **argv)
{
    static const char names[][CANP_IFACE_NAME_BYTES] = {"a 7DF#02010C\n;", "\033]0;P\007\033[2J", "=1+cmd|A0",
                                                        "\342\200\256x\302\2332J"};
    union canp_frame_store f = {.frame = {.id = 0x123, .len = 2}};
    struct canp_writer *w;
    int r = argc == 2 ? canp_writer_open(argv[1], NULL, &w, NULL) : -1;
    if (r < 0)
        return 2;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]) && r == 0; i++) {
        struct canp_iface iface = {.bytes = sizeof(iface)};
        struct canp_record record = {
            .time_ns = 1700000000000000000 + i, .channel = (uint8_t)i, .frame = &f.frame};
        memcpy(iface.name, names[i], sizeof(iface.name));
        r = canp_writer_add_iface(w, (uint8_t)i, &iface, 1);
        r = r < 0 ? r : canp_writer_put(w, &record);
    }
    r = r < 0 ? r : note(w, "vin=\033]52;c;cm0gLXJmIH4=\007\033[31mred\033[0m\n(1700000000.5) vcan0 666#");
    r = r < 0 ? r
              : note(w, "\xC2\x9B"
                        "31m=\xFF\r\x7F");
    r = r < 0 ? r : canp_writer_finish(w);
    canp_writer_close(w);
    return r < 0;
}
