/* canp link: state, error counters and bit rates of CAN interfaces; up, down, restart (canp/link.h). */
#include <canp/link.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/text.h"
#include "live/link_text.h"
#include "live/links.h"

struct job {
    const char *iface; /* NULL: all */
    const char *verb;  /* NULL: show */
    uint64_t bitrate, dbitrate;
    bool json;
};

/* What is wrong with the request itself is usage, everything else the environment. */
static int status_of(int error)
{
    return error == -EINVAL ? CANP_EXIT_USAGE : CANP_EXIT_ENVIRONMENT;
}

static void print_head(void)
{
    printf("%-15s %-5s %9s %9s  %-13s %9s %8s %8s %9s %9s %9s\n", "interface", "link", "bit/s", "data",
           "controller", "err tx/rx", "bus-off", "restarts", "dropped", "overruns", "frames");
}

static const char *rate_text(char out[16], const struct canp_link *link, uint32_t rate)
{
    if (rate)
        snprintf(out, 16, "%u", rate);
    else
        snprintf(out, 16, "%s", link_has_controller(link) ? "unset" : "-");
    return out;
}

static void print_text(const struct canp_link *link)
{
    char bitrate[16], dbitrate[16], errors[24], mode[LINK_MODE_BYTES];
    uint64_t dropped = link->rx_dropped + link->tx_dropped, frames = link->rx_frames + link->tx_frames;
    snprintf(errors, sizeof(errors), "%u/%u", link->tx_errors, link->rx_errors);
    printf("%-15s %-5s %9s %9s  %-13s %9s %8u %8u %9llu %9llu %9llu\n", SAFE(link->name),
           canp_link_is_up(link) ? "up" : "down", rate_text(bitrate, link, link->bitrate),
           link->dbitrate ? rate_text(dbitrate, link, link->dbitrate) : "-", link_state_text(link), errors,
           link->bus_offs, link->restarts, (unsigned long long)dropped,
           (unsigned long long)link->rx_over_errors, (unsigned long long)frames);
    if (link->ctrlmode)
        printf("  mode: %s\n", link_mode_text(mode, link->ctrlmode, " "));
    if (link->restart_ms)
        printf("  restarts %u ms after a bus-off\n", link->restart_ms);
}

static void print_json(const struct canp_link *link)
{
    char mode[LINK_MODE_BYTES];
    fputs("{\"name\":", stdout);
    text_json_string(stdout, link->name);
    printf(",\"kind\":\"%s\",\"up\":%s,\"mtu\":%u,\"bitrate\":%u,\"dbitrate\":%u,\"state\":", link->kind,
           canp_link_is_up(link) ? "true" : "false", link->mtu, link->bitrate, link->dbitrate);
    if (link->state == CANP_LINK_STATE_NONE)
        fputs("null", stdout);
    else
        printf("\"%s\"", link_state_text(link));
    printf(",\"mode\":[%s%s%s]", link->ctrlmode ? "\"" : "", link_mode_text(mode, link->ctrlmode, "\",\""),
           link->ctrlmode ? "\"" : "");
    printf(",\"tx_errors\":%u,\"rx_errors\":%u,\"restart_ms\":%u,\"restarts\":%u,\"bus_off\":%u,\"error_"
           "passive\":%u,"
           "\"error_warning\":%u,\"bus_errors\":%u,\"arbitration_lost\":%u",
           link->tx_errors, link->rx_errors, link->restart_ms, link->restarts, link->bus_offs,
           link->error_passives, link->error_warnings, link->bus_errors, link->arbitrations_lost);
    printf(",\"rx_frames\":%llu,\"tx_frames\":%llu,\"rx_dropped\":%llu,\"tx_dropped\":%llu,\"rx_over_"
           "errors\":%llu}\n",
           (unsigned long long)link->rx_frames, (unsigned long long)link->tx_frames,
           (unsigned long long)link->rx_dropped, (unsigned long long)link->tx_dropped,
           (unsigned long long)link->rx_over_errors);
}

static int show_links(const struct job *job, const struct canp_link *links, int n)
{
    if (n == 0)
        return opts_fail("link", CANP_EXIT_FINDING,
                         "there is no CAN interface; a virtual one: ip link add dev vcan0 type vcan");
    if (!job->json)
        print_head();
    for (int i = 0; i < n; i++)
        job->json ? print_json(&links[i]) : print_text(&links[i]);
    return CANP_EXIT_DONE;
}

static int show_all(const struct job *job)
{
    struct canp_link *links;
    int n = links_all(canp_link_list, &links);
    if (n < 0)
        return opts_fail("link", CANP_EXIT_ENVIRONMENT, "cannot list the interfaces: %s", canp_strerror(n));
    int status = show_links(job, links, n);
    free(links);
    return status;
}

static int show(const struct job *job)
{
    struct canp_link link;
    struct canp_why why;
    if (!job->iface)
        return show_all(job);
    int r = canp_link_find(job->iface, &link, &why);
    return r < 0 ? opts_fail("link", status_of(r), "%s", why.text) : show_links(job, &link, 1);
}

static int act(const struct job *job)
{
    struct canp_why why;
    int r;
    if (strcmp(job->verb, "up") == 0)
        r = canp_link_up(job->iface, (uint32_t)job->bitrate, (uint32_t)job->dbitrate, &why);
    else if (strcmp(job->verb, "down") == 0)
        r = canp_link_down(job->iface, &why);
    else
        r = canp_link_restart(job->iface, &why);
    return r < 0 ? opts_fail("link", status_of(r), "%s", why.text) : show(job);
}

static bool is_verb(const char *text)
{
    return strcmp(text, "up") == 0 || strcmp(text, "down") == 0 || strcmp(text, "restart") == 0;
}

static int check(const struct job *job, int count)
{
    if (count > 2)
        return opts_fail("link", CANP_EXIT_USAGE,
                         "expected [IFACE] [up|down|restart]; `canp link --help` says more");
    if (job->verb && !is_verb(job->verb))
        return opts_fail("link", CANP_EXIT_USAGE, "'%s' is neither up, down nor restart", job->verb);
    if ((job->bitrate || job->dbitrate) && (!job->verb || strcmp(job->verb, "up") != 0))
        return opts_fail("link", CANP_EXIT_USAGE, "--bitrate and --dbitrate go with `canp link IFACE up`");
    if (job->bitrate > UINT32_MAX || job->dbitrate > UINT32_MAX)
        return opts_fail("link", CANP_EXIT_USAGE, "a bit rate is a number of bit/s, such as 500000");
    return 0;
}

int canp_cmd_link(int argc, char **argv)
{
    struct job job = {.verb = NULL};
    const struct opt options[] = {
        {0, "bitrate", OPT_COUNT, &job.bitrate, "N", "with up: bit/s, such as 500000"},
        {0, "dbitrate", OPT_COUNT, &job.dbitrate, "N",
         "with up: bit/s of the data phase; switches CAN FD on"},
        {0, "json", OPT_FLAG, &job.json, NULL, "one JSON object per interface"},
        {0},
    };
    const struct opt_spec spec = {
        "link", "[IFACE] [up|down|restart]",
        "Shows CAN interfaces: bit rates, controller state, error counters; or switches one.", options,
        "err tx/rx are the controller's error counters now; bus-off, restarts, dropped, overruns (of the "
        "controller)\n"
        "and frames count since the interface exists. A virtual interface has neither bit rate nor "
        "controller.\n"
        "Looking needs no privilege, switching needs CAP_NET_ADMIN. `restart` is for a controller that is "
        "bus-off.\n"};
    int count = opts_parse(&spec, argc, argv);
    if (count < 0)
        return OPTS_EXIT(count);
    job.iface = count > 0 ? argv[1] : NULL;
    job.verb = count > 1 ? argv[2] : NULL;
    int status = check(&job, count);
    if (status)
        return status;
    return job.verb ? act(&job) : show(&job);
}
