/*
 * Collects what vehicles ship (canp/stream.h).
 *
 * A durable consumer remembers what was acknowledged, and nothing is acknowledged that is not on the disk.
 * When a collector starts, or messages were lost on the way to it, the consumer is made anew from there: so
 * messages come in the stream's order, and not those first that nobody had before. What comes twice the store
 * drops. One thread.
 */
#include "stream_priv.h"

#include <canp/pools/clock.h>
#include <canp/private/opts.h>

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH       256
#define PENDING_MAX 8192 /* delivered and not acknowledged */
#define ACK_WAIT_NS INT64_C(120000000000)
#define WAITING_NS  UINT64_C(30000000000) /* what waits so long with nothing coming waits for ever */
#define INFO_NS     UINT64_C(1000000000)
#define FORGET_NS   INT64_C(60000000000) /* a temporary consumer that nobody asks any more goes */

/* Delivered, not acknowledged yet: acknowledging one acknowledges all in front of it. */
struct unacked {
    uint64_t number; /* in the stream */
    char *reply;
};

struct canp_collect {
    struct canp_stream *stream;
    struct canp_block_store *store;
    natsSubscription *sub;
    char durable[STREAM_TEXT_BYTES * 2];
    char *vehicles;
    char filter[STREAM_SUBJECT_BYTES];
    uint32_t share, shares;
    struct unacked unacked[PENDING_MAX];
    unsigned unacked_count;
    uint64_t last_consumer; /* the consumer's number of the last message */
    uint64_t idle_since_ns; /* 0: messages come */
    uint64_t info_ns;       /* when the server was asked last */
    bool is_level;
    bool temporary;
};

/* ---- the consumer ---------------------------------------------------------------------------------- */

static int fail(struct canp_why *why, natsStatus s, jsErrCode code, const struct canp_collect *c)
{
    if (code == JSStreamNotFoundErr)
        return canp_fail(why, -ENOENT, "there is no stream %s: `canp fleet --create` makes it",
                         c->stream->name);
    return canp_stream_fail(why, s, c->durable);
}

/* Up to where an earlier collector of this name acknowledged; 0: there was none. */
static natsStatus acknowledged(struct canp_collect *c, uint64_t *out, jsErrCode *code)
{
    jsConsumerInfo *info = NULL;
    natsStatus s = js_GetConsumerInfo(&info, c->stream->js, c->stream->name, c->durable, NULL, code);
    *out = s == NATS_OK ? info->AckFloor.Stream : 0;
    jsConsumerInfo_Destroy(info);
    return s == NATS_NOT_FOUND && *code == JSConsumerNotFoundErr ? NATS_NOT_FOUND : s;
}

static natsStatus make_consumer(struct canp_collect *c, uint64_t from, jsErrCode *code)
{
    jsConsumerConfig cfg;
    natsStatus s = jsConsumerConfig_Init(&cfg);
    if (s != NATS_OK)
        return s;
    cfg.Durable = c->durable;
    cfg.FilterSubject = c->filter;
    cfg.AckPolicy = js_AckAll;
    cfg.AckWait = ACK_WAIT_NS;
    cfg.MaxAckPending = PENDING_MAX;
    cfg.DeliverPolicy = from ? js_DeliverByStartSequence : js_DeliverAll;
    cfg.OptStartSeq = from;
    cfg.InactiveThreshold = c->temporary ? FORGET_NS : 0;
    return js_AddConsumer(NULL, c->stream->js, c->stream->name, &cfg, NULL, code);
}

static natsStatus subscribe(struct canp_collect *c, jsErrCode *code)
{
    jsSubOptions so;
    natsStatus s = jsSubOptions_Init(&so);
    if (s != NATS_OK)
        return s;
    so.Stream = c->stream->name;
    so.Consumer = c->durable;
    return js_PullSubscribe(&c->sub, c->stream->js, c->filter, c->durable, NULL, &so, code);
}

static void forget_unacked(struct canp_collect *c)
{
    for (unsigned i = 0; i < c->unacked_count; i++)
        free(c->unacked[i].reply);
    c->unacked_count = 0;
}

/* Where nobody acknowledged anything, what is stored already comes once more, and is dropped. */
static int begin(struct canp_collect *c, struct canp_why *why)
{
    jsErrCode code = 0;
    uint64_t floor = 0;
    forget_unacked(c);
    natsSubscription_Destroy(c->sub);
    c->sub = NULL;
    c->last_consumer = 0;
    natsStatus s = acknowledged(c, &floor, &code);
    if (s == NATS_OK)
        s = js_DeleteConsumer(c->stream->js, c->stream->name, c->durable, NULL, &code);
    else if (s == NATS_NOT_FOUND && code == JSConsumerNotFoundErr)
        s = NATS_OK; /* perhaps the whole stream was made anew, and counts from 1 again */
    if (s == NATS_OK)
        s = make_consumer(c, floor ? floor + 1 : 0, &code);
    if (s == NATS_OK)
        s = subscribe(c, &code);
    return s == NATS_OK ? 0 : fail(why, s, code, c);
}

/* ---- messages -------------------------------------------------------------------------------------- */

/* "can.VEHICLE.RECORDING.blocks"; the server made sure of who may use which. */
static bool read_subject(const char *subject, char vehicle[STREAM_TEXT_BYTES + 1], uint8_t recording[16])
{
    char hex[STREAM_HEX_BYTES], rest[8];
    if (sscanf(subject, "can.%64[^.].%32[^.].%7s", vehicle, hex, rest) != 3)
        return false;
    return strcmp(rest, "blocks") == 0 && canp_stream_unhex(hex, recording);
}

/* Which collector of several a vehicle is for (FNV-1a: the same in each release). */
static bool is_my_share(const struct canp_collect *c, const char *vehicle)
{
    uint32_t h = 2166136261U;
    for (; *vehicle; vehicle++)
        h = (h ^ (uint8_t)*vehicle) * 16777619U;
    return c->shares <= 1 || h % c->shares == c->share;
}

/* What cannot be stored because of the message itself is counted and passed over. */
static int take(struct canp_collect *c, natsMsg *msg, uint64_t number, struct canp_why *why)
{
    char vehicle[STREAM_TEXT_BYTES + 1];
    uint8_t recording[16];
    if (!read_subject(natsMsg_GetSubject(msg), vehicle, recording))
        return 0;
    if (!is_my_share(c, vehicle) || (c->vehicles && fnmatch(c->vehicles, vehicle, 0) != 0))
        return 0;
    int r = canp_block_store_put(c->store, vehicle, recording, number, natsMsg_GetData(msg),
                                 (size_t)natsMsg_GetDataLength(msg), why);
    bool is_refused = r == -CANP_E_DAMAGED || r == -CANP_E_VERSION || r == -CANP_E_FOREIGN ||
                      r == -CANP_E_TOO_MANY || r == -EINVAL;
    return is_refused ? 0 : r;
}

static int note_unacked(struct canp_collect *c, natsMsg *msg, uint64_t number)
{
    if (c->unacked_count == PENDING_MAX)
        return -ENOBUFS;
    char *reply = strdup(natsMsg_GetReply(msg));
    if (!reply)
        return -ENOMEM;
    c->unacked[c->unacked_count++] = (struct unacked){number, reply};
    return 0;
}

/* 0; 1: messages between the last one and this were lost on the way; or an error. */
static int take_one(struct canp_collect *c, natsMsg *msg, struct canp_why *why)
{
    jsMsgMetaData *meta = NULL;
    if (natsMsg_GetMetaData(&meta, msg) != NATS_OK)
        return 0;
    uint64_t number = meta->Sequence.Stream, consumer = meta->Sequence.Consumer;
    c->is_level = meta->NumPending == 0;
    jsMsgMetaData_Destroy(meta);
    if (consumer != c->last_consumer + 1)
        return 1;
    c->last_consumer = consumer;
    int r = take(c, msg, number, why);
    return r < 0 ? r : note_unacked(c, msg, number);
}

/* What is on the disk, and in front of everything that waits. */
static int acknowledge(struct canp_collect *c, struct canp_why *why)
{
    int r = canp_block_store_sync(c->store);
    if (r < 0)
        return canp_fail(why, r, "cannot sync what was stored: %s", canp_strerror(r));
    uint64_t safe = canp_block_store_safe(c->store);
    unsigned n = 0;
    while (n < c->unacked_count && c->unacked[n].number < safe)
        n++;
    if (n == 0)
        return 0;
    natsStatus s = natsConnection_PublishString(c->stream->nc, c->unacked[n - 1].reply, "+ACK");
    if (s != NATS_OK)
        return 0; /* it comes again */
    for (unsigned i = 0; i < n; i++)
        free(c->unacked[i].reply);
    memmove(c->unacked, c->unacked + n, (c->unacked_count - n) * sizeof(c->unacked[0]));
    c->unacked_count -= n;
    return 0;
}

static int take_batch(struct canp_collect *c, natsMsgList *list, struct canp_why *why)
{
    int r = 0, taken = 0;
    for (int i = 0; r == 0 && i < list->Count; i++) {
        r = take_one(c, list->Msgs[i], why);
        taken += r == 0;
    }
    int acked = acknowledge(c, why);
    if (r == 1 || r == -ENOBUFS)
        r = begin(c, why);
    if (r == 0)
        r = acked;
    return r < 0 ? r : taken;
}

/* Nothing came: is there nothing, or did the server lose the consumer? */
static int look(struct canp_collect *c, struct canp_why *why)
{
    jsConsumerInfo *info = NULL;
    jsErrCode code = 0;
    uint64_t now_ns = canp_monotonic_ns();
    if (!c->idle_since_ns)
        c->idle_since_ns = now_ns;
    if (now_ns - c->info_ns < INFO_NS && c->is_level)
        return 0;
    c->info_ns = now_ns;
    natsStatus s = js_GetConsumerInfo(&info, c->stream->js, c->stream->name, c->durable, NULL, &code);
    c->is_level = s == NATS_OK && info->NumPending == 0 && info->Delivered.Consumer == c->last_consumer;
    bool lost = s == NATS_OK && info->NumPending == 0 && info->Delivered.Consumer > c->last_consumer;
    jsConsumerInfo_Destroy(info);
    if (s == NATS_NOT_FOUND || lost) {
        int r = begin(c, why);
        return r < 0 ? -EAGAIN : 0;
    }
    return s == NATS_OK ? 0 : -EAGAIN;
}

int canp_collect_step(struct canp_collect *c, uint64_t wait_ns, struct canp_why *why)
{
    natsMsgList list = {0};
    jsErrCode code = 0;
    struct canp_why ignored;
    int64_t wait_ms = (int64_t)(wait_ns / 1000000);
    why = why ? why : &ignored;
    if (!c->sub) {
        int r = begin(c, why);
        if (r < 0) {
            nats_Sleep(wait_ms);
            return -EAGAIN;
        }
    }
    natsStatus s = natsSubscription_Fetch(&list, c->sub, BATCH, wait_ms > 0 ? wait_ms : 1, &code);
    if (s == NATS_OK && list.Count) {
        c->idle_since_ns = 0;
        int r = take_batch(c, &list, why);
        natsMsgList_Destroy(&list);
        return r;
    }
    natsMsgList_Destroy(&list);
    if (atomic_exchange(&c->stream->forbidden, false))
        return canp_fail(why, -EACCES, "the server does not permit this user to collect from the stream %s",
                         c->stream->name);
    int r = look(c, why);
    if (r == -EAGAIN || (s != NATS_OK && s != NATS_TIMEOUT && s != NATS_NOT_FOUND)) {
        nats_Sleep(wait_ms);
        return canp_fail(why, -EAGAIN, "the server cannot be asked now: %s", natsStatus_GetText(s));
    }
    struct canp_block_store_stats stats;
    canp_block_store_stats(c->store, &stats);
    if (stats.waiting && canp_monotonic_ns() - c->idle_since_ns > WAITING_NS)
        r = canp_collect_settle(c, why);
    return r < 0 ? r : 0;
}

bool canp_collect_is_level(const struct canp_collect *c)
{
    return c->is_level && c->idle_since_ns;
}

int canp_collect_settle(struct canp_collect *c, struct canp_why *why)
{
    int64_t r = canp_block_store_settle(c->store);
    if (r < 0)
        return canp_fail(why, (int)r, "cannot store a gap: %s", canp_strerror((int)r));
    return acknowledge(c, why);
}

void canp_collect_stats(const struct canp_collect *c, struct canp_block_store_stats *out)
{
    canp_block_store_stats(c->store, out);
}

/* ---- opening --------------------------------------------------------------------------------------- */

static int set_names(struct canp_collect *c, const struct canp_collect_opts *opts, struct canp_why *why)
{
    const char *name = opts->name ? opts->name : "collect";
    bool one = opts->vehicles && canp_block_vehicle_is_valid(opts->vehicles);
    uint8_t recording[16];
    uint64_t random = 0;
    if (opts->recording && (!one || !canp_stream_unhex(opts->recording, recording)))
        return canp_fail(why, -EINVAL, "a recording has the name of its vehicle and 32 hexadecimal digits");
    if (!canp_block_vehicle_is_valid(name))
        return canp_fail(why, -EINVAL, "a collector's name has 1 to 64 letters, digits, - and _");
    if (opts->shares > 1 && opts->share >= opts->shares)
        return canp_fail(why, -EINVAL, "share %u of %u: shares count from 0", opts->share, opts->shares);
    if (opts->vehicles && !(c->vehicles = strdup(opts->vehicles)))
        return canp_fail(why, -ENOMEM, "out of memory");
    c->share = opts->share;
    c->shares = opts->shares;
    if (c->shares > 1)
        snprintf(c->durable, sizeof(c->durable), "%s-%u-%u", name, c->share, c->shares);
    else
        snprintf(c->durable, sizeof(c->durable), "%s", name);
    c->temporary = opts->temporary;
    if (c->temporary && getentropy(&random, sizeof(random)) == 0)
        snprintf(c->durable, sizeof(c->durable), "read-%016" PRIx64, random);
    snprintf(c->filter, sizeof(c->filter), "can.%s.%s.blocks", one ? opts->vehicles : "*",
             opts->recording ? opts->recording : "*");
    return 0;
}

int canp_collect_open(struct canp_stream *stream, const struct canp_collect_opts *opts,
                      struct canp_collect **out, struct canp_why *why)
{
    struct canp_block_store_opts store = CANP_BLOCK_STORE_OPTS_INIT;
    struct canp_collect_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0 || !taken.dir)
        return canp_fail(why, r < 0 ? r : -EINVAL, "collect: no directory, or options of another release");
    struct canp_collect *c = calloc(1, sizeof(*c));
    if (!c)
        return canp_fail(why, -ENOMEM, "out of memory");
    c->stream = stream;
    store.vehicle_bytes = taken.vehicle_bytes;
    store.vehicle_recordings = taken.vehicle_recordings;
    r = set_names(c, &taken, why);
    if (r == 0)
        r = canp_block_store_open(taken.dir, &store, &c->store, why);
    if (r == 0)
        r = begin(c, why);
    if (r < 0)
        canp_collect_close(c);
    else
        *out = c;
    return r;
}

void canp_collect_close(struct canp_collect *c)
{
    if (!c)
        return;
    forget_unacked(c);
    natsSubscription_Destroy(c->sub);
    if (c->temporary)
        js_DeleteConsumer(c->stream->js, c->stream->name, c->durable, NULL, NULL);
    canp_block_store_close(c->store);
    free(c->vehicles);
    free(c);
}
