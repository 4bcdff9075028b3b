/*
 * Messages of several frames, a line each (dump_messages.h): time of the last frame, interface, id, protocol,
 * source and destination where it has them, bytes. Main thread.
 */
#include "dump_messages.h"

#include <canp/frame.h>
#include <stdio.h>
#include <string.h>

#include "lib/commands.h"
#include "lib/text.h"
#include "logs/log_print.h"
#include "transport_report.h"

static const char *const protocols[] = {
    [CANP_TRANSPORT_BAM] = "BAM",     [CANP_TRANSPORT_RTS] = "RTS", [CANP_TRANSPORT_FAST] = "FAST",
    [CANP_TRANSPORT_ISOTP] = "ISOTP", [CANP_TRANSPORT_ETP] = "ETP",
};

int dump_messages_open(struct dump_messages *d)
{
    struct canp_transport_opts opts = CANP_TRANSPORT_OPTS_INIT;
    opts.isotp = d->isotp.ids;
    opts.isotp_count = d->isotp.count;
    int r = canp_transport_open(&opts, &d->transport);
    return r < 0 ? opts_fail(d->command, CANP_EXIT_ENVIRONMENT, "%s", canp_strerror(r)) : 0;
}

void dump_messages_close(struct dump_messages *d)
{
    canp_transport_close(d->transport);
}

/* ---- lines -------------------------------------------------------------------------------------------- */

static void put_time(int64_t ns)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    printf("%s%llu.%09llu", ns < 0 ? "-" : "", (unsigned long long)(size / 1000000000),
           (unsigned long long)(size % 1000000000));
}

static void put_id(uint32_t id)
{
    if (id & CANP_ID_EFF)
        printf("%08X", id & CANP_ID_EFF_MASK);
    else
        printf("%03X", id & CANP_ID_SFF_MASK);
}

static void print_text(const char *iface, const struct canp_transport_message *m)
{
    putchar('(');
    put_time(m->time_ns);
    printf(") %s ", SAFE_WORD(iface));
    put_id(m->id);
    printf(" %s", protocols[m->kind]);
    unsigned address = m->source;
    if (m->kind != CANP_TRANSPORT_ISOTP)
        printf(" %02X>%02X", address, m->destination);
    printf(" [%u]", m->bytes);
    for (uint32_t i = 0; i < m->bytes; i++)
        printf(" %02X", m->data[i]);
    putchar('\n');
}

static void print_json(const char *iface, const struct canp_transport_message *m)
{
    fputs("{\"time\":", stdout);
    put_time(m->time_ns);
    fputs(",\"first\":", stdout);
    put_time(m->first_ns);
    fputs(",\"iface\":", stdout);
    text_json_string(stdout, iface);
    fputs(",\"id\":\"", stdout);
    put_id(m->id);
    printf("\",\"protocol\":\"%s\"", protocols[m->kind]);
    unsigned address = m->source;
    if (m->kind != CANP_TRANSPORT_ISOTP)
        printf(",\"source\":%u,\"destination\":%u", address, m->destination);
    printf(",\"frames\":%u,\"data\":\"", m->frames);
    for (uint32_t i = 0; i < m->bytes; i++)
        printf("%02X", m->data[i]);
    puts("\"}");
}

/* ---- reading ------------------------------------------------------------------------------------------ */

static int take(void *user, const struct canp_record *record)
{
    struct dump_messages *d = user;
    struct canp_transport_message message;
    char number[CANP_IFACE_NAME_BYTES];
    bool is_data = (record->kind == CANP_KIND_CAN || record->kind == CANP_KIND_FD) &&
                   !(record->frame->id & (CANP_ID_RTR | CANP_ID_ERR));
    if (!is_data ||
        canp_transport_feed(d->transport, record->time_ns, record->channel, record->frame, &message) != 1)
        return 0;
    const struct canp_iface *iface = canp_log_iface(d->reader, record->channel);
    d->printed++;
    (d->json ? print_json : print_text)(text_iface(number, iface ? iface->name : NULL, record->channel),
                                        &message);
    return 0;
}

int dump_messages(struct dump_messages *d)
{
    return log_print(d->command, d->reader, stdout, NULL, take, d);
}

void dump_messages_report(const struct dump_messages *d)
{
    struct canp_transport_stats t;
    canp_transport_stats(d->transport, &t);
    transport_report(d->command, "messages", &t);
}
