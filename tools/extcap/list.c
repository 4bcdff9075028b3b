/*
 * What canp-extcap offers: its interfaces and their options. Main thread.
 *
 * Each answer is a line of {key=value} parts, so a brace in a name would end it: such bytes are spelled %XX,
 * in the interface's value and in what is shown.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/link.h>
#include <canp/version.h>

#include "extcap/extcap.h"
#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/text.h"
#include "live/link_text.h"
#include "live/links.h"

static const char plain[] = "-_.";

static void put_name(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (isalnum((unsigned char)*c) || strchr(plain, *c))
            putchar(*c);
        else
            printf("%%%02X", (unsigned char)*c);
    }
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool extcap_name(const char *iface, char *out, size_t size)
{
    size_t used = 0;
    if (strncmp(iface, EXTCAP_PREFIX, strlen(EXTCAP_PREFIX)) != 0)
        return false;
    for (const char *c = iface + strlen(EXTCAP_PREFIX); *c; c++) {
        int high = *c == '%' ? hex_digit(c[1]) : -1, low = high >= 0 ? hex_digit(c[2]) : -1;
        if (used + 1 >= size)
            return false;
        out[used++] = low >= 0 ? (char)(high * 16 + low) : *c;
        c += low >= 0 ? 2 : 0;
    }
    out[used] = '\0';
    return used > 0;
}

static void put_rate(uint32_t bits)
{
    if (bits >= 1000000 && bits % 100000 == 0)
        printf("%g Mbit/s", bits / 1e6);
    else
        printf("%g kbit/s", bits / 1e3);
}

static void put_link(const struct canp_link *link)
{
    fputs("interface {value=" EXTCAP_PREFIX, stdout);
    put_name(link->name);
    fputs("}{display=canp: ", stdout);
    put_name(link->name);
    fputs(" (", stdout);
    if (link->bitrate)
        put_rate(link->bitrate);
    else
        fputs(link_has_controller(link) ? "no bit rate" : "no controller", stdout);
    if (link->dbitrate) {
        fputs(", data ", stdout);
        put_rate(link->dbitrate);
    }
    fputs(canp_link_is_up(link) ? ", up" : ", down", stdout);
    if (canp_link_is_up(link) && link_has_controller(link))
        printf(", %s", link_state_text(link) /* trusted: ours */);
    puts(")}");
}

int extcap_list(void)
{
    struct canp_link *links;
    int count = links_all(canp_link_list, &links); /* a kernel without CAN has none */
    printf("extcap {version=%s}{display=canp, the SocketCAN flight recorder}\n", canp_version());
    for (int i = 0; i < count; i++)
        put_link(&links[i]);
    if (count > 1)
        puts("interface {value=" EXTCAP_ANY "}{display=canp: all CAN interfaces}");
    puts("interface {value=" EXTCAP_RECORDING "}{display=canp recording}");
    free(links);
    return CANP_EXIT_DONE;
}

/* No text of an option holds a brace; `|` stands in Wireshark's window alone, before a longer help. */
static const char options_of_ifaces[] =
    "arg {number=0}{call=--filter}{display=Filter}{type=string}"
    "{tooltip=What is captured, by the kernel: 123:7FF, 18FEF100:1FFFFFFF, pgn:FEF1, #FF (error frames), "
    "separated by commas}\n"
    "arg {number=1}{call=--no-error-frames}{display=Leave error frames out}{type=boolflag}{default=false}\n"
    "arg {number=2}{call=--bitrate}{display=Bit rate}{type=string}{validation=^[0-9]*$}"
    "{tooltip=In bit/s: brings the interface up with it; needs the privilege to. Empty: as it is}\n"
    "arg {number=3}{call=--dbitrate}{display=Bit rate of CAN FD data}{type=string}{validation=^[0-9]*$}"
    "{tooltip=In bit/s, with the bit rate}\n"
    "arg {number=4}{call=--record}{display=Also record to}{type=fileselect}{mustexist=false}"
    "{tooltip=A directory that is made: canp's own recording of the same, which no slow display makes gaps "
    "in}\n";

static const char options_of_recordings[] =
    "arg {number=0}{call=--file}{display=Recording or log}{type=fileselect}{mustexist=true}{required=true}"
    "{tooltip=A segment of a recording stands for the whole recording; or a log in any format that canp "
    "reads}\n"
    "arg {number=1}{call=--from}{display=From}{type=string}"
    "{tooltip=+12.5s from the beginning, 2026-01-31T12:00:00Z or @1700000000.5}\n"
    "arg {number=2}{call=--to}{display=To}{type=string}{tooltip=Likewise}\n"
    "arg {number=3}{call=--filter}{display=Filter}{type=string}"
    "{tooltip=What is shown: 7DF, 123:7FF, pgn:FEF1, rx, tx, or an interface's name; separated by commas}\n"
    "arg {number=4}{call=--follow}{display=Go on as the recording grows}{type=boolflag}{default=false}\n";

int extcap_options(const char *iface)
{
    char name[CANP_IFACE_NAME_BYTES * 8];
    bool is_recording = strcmp(iface, EXTCAP_RECORDING) == 0;
    if (!is_recording && strcmp(iface, EXTCAP_ANY) != 0 && !extcap_name(iface, name, sizeof(name)))
        return opts_fail("extcap", CANP_EXIT_USAGE, "no interface '%s': --extcap-interfaces lists them",
                         iface);
    fputs(is_recording ? options_of_recordings : options_of_ifaces, stdout);
    return CANP_EXIT_DONE;
}
