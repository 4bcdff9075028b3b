/*
 * Watches whether frames go out (tx_watch.h). The interface's counters include frames that other programs
 * send, so the number of missing frames is a lower bound.
 */
#include "tx_watch.h"

#include <canp/link.h>
#include <canp/pools/clock.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/commands.h"
#include "lib/opts.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "link_text.h"

#define TELL_NS     1000000000U
#define DRIVER_NS   300000000U /* a queue of ten frames lasts a few ms */
#define DRIVER_LOOK 5000000

static bool look(const struct tx_watch *w, struct canp_link *link)
{
    struct canp_why why;
    return canp_link_find(canp_sender_iface(w->sender)->name, link, &why) == 0;
}

static uint64_t handed_over(const struct tx_watch *w)
{
    struct canp_sender_stats s;
    canp_sender_stats(w->sender, &s);
    return s.frames;
}

void tx_watch_begin(struct tx_watch *w, const char *command, const struct canp_sender *sender,
                    uint64_t give_up_ns)
{
    struct canp_link link = {0};
    *w = (struct tx_watch){.command = command, .sender = sender, .give_up_ns = give_up_ns};
    look(w, &link);
    w->tx_before = link.tx_frames;
    w->dropped_before = link.tx_dropped;
}

static void tell(const struct tx_watch *w)
{
    struct canp_link link;
    const char *name = canp_sender_iface(w->sender)->name;
    if (!look(w, &link))
        opts_fail(w->command, 0, "%s: nothing could be sent for a second: the interface is gone", name);
    else if (link.state == CANP_LINK_STATE_NONE)
        opts_fail(w->command, 0, "%s: nothing could be sent for a second: its queue is full and stays full",
                  name);
    else
        opts_fail(w->command, 0,
                  "%s: nothing could be sent for a second: controller is %s, error counters tx %u rx %u; is "
                  "another node on the bus?",
                  name, link_state_text(&link), link.tx_errors, link.rx_errors);
}

int tx_watch_wait(struct tx_watch *w)
{
    uint64_t now_ns = canp_monotonic_ns(), frames = handed_over(w);
    if (w->since_ns == 0 || frames != w->frames) { /* the first look, or something went */
        w->frames = frames;
        w->since_ns = now_ns;
    }
    uint64_t stuck_ns = now_ns - w->since_ns;
    if (!w->told && stuck_ns >= TELL_NS) {
        w->told = true;
        tell(w);
    }
    return w->give_up_ns && stuck_ns >= w->give_up_ns ? -ETIMEDOUT : 0;
}

/* The driver's count, once it has all of `frames`, or does not go on. False: the interface is gone. */
static bool await_driver(const struct tx_watch *w, uint64_t frames, struct canp_link *link)
{
    const struct timespec pause = {.tv_nsec = DRIVER_LOOK};
    uint64_t end_ns = canp_monotonic_ns() + DRIVER_NS;
    bool there;
    while ((there = look(w, link)) && link->tx_frames - w->tx_before < frames && !stop_is_requested() &&
           canp_monotonic_ns() < end_ns)
        nanosleep(&pause, NULL);
    return there;
}

int tx_watch_end(const struct tx_watch *w)
{
    struct canp_link link;
    char handed[TEXT_BYTES], sent[TEXT_BYTES], dropped[TEXT_BYTES];
    uint64_t frames = handed_over(w);
    if (frames == 0 || !await_driver(w, frames, &link))
        return CANP_EXIT_DONE;
    uint64_t tx = link.tx_frames - w->tx_before, drops = link.tx_dropped - w->dropped_before;
    if (tx >= frames)
        return CANP_EXIT_DONE;
    return opts_fail(
        w->command, tx ? CANP_EXIT_DONE : CANP_EXIT_FINDING,
        "%s: of %s frames handed over its driver has sent %s and dropped %s; the others wait in its "
        "queue, or were lost there",
        link.name, text_count(handed, frames), tx ? text_count(sent, tx) : "none",
        text_count(dropped, drops));
}
