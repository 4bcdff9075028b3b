/*
 * canp-extcap: canp's interfaces in Wireshark, tshark and dumpcap, which call it by their extcap protocol
 * (extcap(4)). Main thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <canp/filter.h>
#include <canp/version.h>

#include "extcap/extcap.h"
#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/program.h"
#include "lib/text.h"
#include "live/speaker.h"

const char program_prefix[] = "canp-";

static struct {
    struct extcap_asked asked;
    const char *wireshark; /* its version; nothing depends on it */
    const char *bitrate, *dbitrate, *capture_filter, *reload;
    bool interfaces, dlts, config, capture, version;
} self = {.asked.filter = ""};

static const struct opt options[] = {
    {0, "extcap-interfaces", OPT_FLAG, &self.interfaces, NULL, "list the interfaces"},
    {0, "extcap-version", OPT_TEXT, &self.wireshark, "VERSION", "Wireshark's version"},
    {0, "extcap-interface", OPT_TEXT, &self.asked.iface, "NAME", "one of the interfaces"},
    {0, "extcap-dlts", OPT_FLAG, &self.dlts, NULL, "list its link types"},
    {0, "extcap-config", OPT_FLAG, &self.config, NULL, "list its options"},
    {0, "extcap-reload-option", OPT_TEXT, &self.reload, "NAME", "none can be reloaded"},
    {0, "extcap-capture-filter", OPT_TEXT, &self.capture_filter, "FILTER",
     "canp's filters; without --capture they are checked, and what is wrong is printed"},
    {0, "capture", OPT_FLAG, &self.capture, NULL, "capture"},
    {0, "fifo", OPT_TEXT, &self.asked.fifo, "FILE", "where packets go, as pcapng"},
    {0, "filter", OPT_TEXT, &self.asked.filter, "FILTER", "the same filters, as an option"},
    {0, "no-error-frames", OPT_FLAG, &self.asked.no_error_frames, NULL,
     "an interface: leave error frames out"},
    {0, "bitrate", OPT_TEXT, &self.bitrate, "N", "an interface: bring it up with this bit rate"},
    {0, "dbitrate", OPT_TEXT, &self.dbitrate, "N", "and, for CAN FD, this one of the data phase"},
    {0, "record", OPT_TEXT, &self.asked.record, "DIR", "an interface: record to this directory, too"},
    {0, "file", OPT_TEXT, &self.asked.file, "FILE", EXTCAP_RECORDING ": a recording, its segment, or a log"},
    {0, "from", OPT_TEXT, &self.asked.from, "T", "from this point in time on"},
    {0, "to", OPT_TEXT, &self.asked.to, "T", "up to this one"},
    {0, "follow", OPT_FLAG, &self.asked.follow, NULL, "go on as the recording grows"},
    {'V', "version", OPT_FLAG, &self.version, NULL, "print canp's version"},
    {0},
};

/* "" is what an empty field of a dialog gives. 0 or an exit status. */
static int take_rate(const char *name, const char *text, uint64_t *out)
{
    char *end = NULL;
    if (!text || !text[0])
        return 0;
    *out = strtoull(text, &end, 10);
    if (*end || text[0] == '-' || *out > UINT32_MAX)
        return opts_fail("extcap", CANP_EXIT_USAGE, "--%s: '%s' is no number of bit/s, such as 500000", name,
                         text);
    return 0;
}

/* Wireshark marks a filter that gets any answer as wrong, and shows it. */
static int check_filter(void)
{
    static struct canp_filter_set set;
    struct canp_why why;
    if (self.capture_filter[0] && canp_filter_parse(&set, self.capture_filter, &why) < 0)
        puts(SAFE(why.text));
    return CANP_EXIT_DONE;
}

static int capture(void)
{
    struct extcap_asked *asked = &self.asked;
    if (!asked->fifo)
        return opts_fail("extcap", CANP_EXIT_USAGE, "--capture needs --fifo");
    if (self.capture_filter && self.capture_filter[0] && asked->filter[0])
        return opts_fail("extcap", CANP_EXIT_USAGE,
                         "a filter was given twice: as capture filter and as option");
    if (self.capture_filter && self.capture_filter[0])
        asked->filter = self.capture_filter;
    if (asked->record && !asked->record[0])
        asked->record = NULL;
    int status = take_rate("bitrate", self.bitrate, &asked->bitrate);
    if (status == 0)
        status = take_rate("dbitrate", self.dbitrate, &asked->dbitrate);
    if (status)
        return status;
    return strcmp(asked->iface, EXTCAP_RECORDING) == 0 ? extcap_replay(asked) : extcap_capture(asked);
}

static int run(int argc, char **argv)
{
    static char name[] = "extcap";
    const struct opt_spec spec = {
        name, "", "canp's interfaces in Wireshark, which calls this program by its extcap protocol.", options,
        "Wireshark finds it in its folder of extcap programs (Help, About Wireshark, Folders), and lists "
        "each\n"
        "CAN interface as `canp: can0`, and `canp recording`. canp-extcap(1) says more.\n"};
    argv[0] = name;
    int count = opts_parse(&spec, argc, argv);
    if (count < 0)
        return OPTS_EXIT(count);
    if (self.version) {
        printf("canp-extcap %s\n", canp_version());
        return CANP_EXIT_DONE;
    }
    if (self.interfaces)
        return extcap_list();
    if (!self.asked.iface)
        return opts_fail(name, CANP_EXIT_USAGE,
                         "--extcap-interfaces, or an --extcap-interface? --help says more");
    if (self.dlts)
        puts("dlt {number=227}{name=CAN_SOCKETCAN}{display=SocketCAN}");
    if (self.config)
        return extcap_options(self.asked.iface);
    if (self.dlts || self.reload)
        return CANP_EXIT_DONE;
    if (!self.capture && self.capture_filter)
        return check_filter();
    return self.capture
               ? capture()
               : opts_fail(name, CANP_EXIT_USAGE, "what about %s? --help says more", self.asked.iface);
}

int main(int argc, char **argv)
{
    return program_main(argc, argv, run);
}
