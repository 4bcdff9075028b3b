/*
 * Ships one recording (canp/stream.h).
 *
 * Invariant: `safe` is the last message up to which, without a hole, the stream has everything. What is
 * behind it is on the way: at most a window. After an error or a silence everything behind `safe` is cut and
 * sent again; the server drops what it has by the message's id, and a collector by the numbers of the
 * records. Each message carries `safe` as it was when it was sent, so that the last one that the stream has
 * tells a shipper that starts anew where to begin: no file of state is needed, and none can be lost. One
 * thread.
 */
#include "stream_priv.h"

#include <canp/pools/clock.h>
#include <canp/private/opts.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_DEFAULT    64U
#define WINDOW_MAX        4096U
#define WINDOW_BYTES      (UINT64_C(8) << 20)
#define LINGER_DEFAULT_NS UINT64_C(1000000000)
#define SILENCE_NS        UINT64_C(15000000000) /* without an answer it is sent again */
#define RETRY_MIN_NS      UINT64_C(500000000)
#define RETRY_MAX_NS      UINT64_C(30000000000)
#define ASK_MIN_MS                                                                                           \
    2000 /* an answer is waited for; twice as long each time that none comes, for slow links                 \
          */
#define ASK_MAX_MS    32000
#define HEADERS_BYTES 512U /* of a message, at most */
#define SAFE_HEADER   "Canp-Safe"
#define REMOVE_BACK   65536U

/* A message on the way. */
struct flying {
    uint64_t id;
    bool stored;
    uint32_t size;
    struct canp_block_message what; /* without its bytes */
};

struct canp_ship {
    struct canp_stream *stream;
    struct canp_block_source *source;
    natsSubscription *answers;
    char subject[STREAM_SUBJECT_BYTES];
    char inbox[STREAM_SUBJECT_BYTES];
    uint64_t linger_ns;
    bool delete_when_safe;

    bool asked;      /* the server has said where to go on, since the last error */
    bool has_safe;   /* else nothing is known to be stored */
    bool seal_waits; /* it is sent when nothing is on the way, so that what it says is safe is all in front of
                        it */
    struct canp_block_message seal;
    bool is_empty; /* the source had nothing more, and nothing gathered */
    struct canp_block_message safe;
    uint64_t retry_ns; /* CLOCK_MONOTONIC: not before */
    uint64_t backoff_ns;
    int64_t ask_ms;
    struct canp_why last; /* why it was not taken */

    struct flying *flying; /* a ring, oldest first */
    unsigned window, first, count;
    uint64_t flying_bytes;
    uint64_t next_id;
    uint64_t heard_ns;     /* an answer, or the first message on the way */
    uint64_t gathering_ns; /* since then something is gathered; 0: nothing */
    uint64_t removable;    /* segments up to this are stored */
    uint64_t removed;
    struct canp_ship_stats stats;
};

static struct flying *flying_at(struct canp_ship *s, unsigned i)
{
    return &s->flying[(s->first + i) % s->window];
}

/* ---- trouble --------------------------------------------------------------------------------------- */

/* Everything behind `safe` is sent again, after a while. */
static int go_back(struct canp_ship *s, const char *what, const char *detail)
{
    s->stats.repeated += s->count;
    s->count = 0;
    s->flying_bytes = 0;
    s->asked = false;
    s->seal_waits = false;
    s->gathering_ns = 0;
    s->backoff_ns = s->backoff_ns ? s->backoff_ns * 2 : RETRY_MIN_NS;
    if (s->backoff_ns > RETRY_MAX_NS)
        s->backoff_ns = RETRY_MAX_NS;
    s->retry_ns = canp_monotonic_ns() + s->backoff_ns;
    bool forbidden = atomic_exchange(&s->stream->forbidden, false);
    canp_fail(&s->last, -EAGAIN, "%s%s%s", what, detail,
              forbidden ? "; the server does not permit it to this user" : "");
    return -EAGAIN;
}

/* ---- where to go on -------------------------------------------------------------------------------- */

/* "SEGMENT RECORD RECORDS KIND". Written by a shipper of this vehicle, but anybody's words. */
static bool read_safe(const char *text, struct canp_block_message *out)
{
    unsigned kind = 0;
    *out = (struct canp_block_message){0};
    if (!text || sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu32 " %u", &out->segment, &out->record,
                        &out->records, &kind) != 4)
        return false;
    out->kind = (enum canp_block_kind)kind;
    return out->segment >= 1 && kind >= CANP_BLOCK_RECORDS && kind <= CANP_BLOCK_SEAL &&
           out->record <= UINT64_MAX / 2;
}

/* Does `b` begin where `a` ends? */
static bool is_next(const struct canp_block_message *a, const struct canp_block_message *b)
{
    if (a->kind == CANP_BLOCK_SEAL)
        return b->segment == a->segment + 1 && b->record == 0;
    return b->segment == a->segment && b->record == a->record + a->records;
}

/* The stream's last message, and what it says was safe when it was sent. */
static void go_on_behind(struct canp_ship *s, natsMsg *msg)
{
    const char *header = NULL;
    struct canp_block_message last, safe;
    uint8_t ours[16];
    canp_block_source_recording(s->source, ours);
    bool is_ours =
        canp_block_message_read(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg), &last) == 0 &&
        memcmp(last.recording, ours, sizeof(ours)) == 0;
    if (!is_ours || s->has_safe)
        return;
    natsMsgHeader_Get(msg, SAFE_HEADER, &header);
    if (!read_safe(header, &safe))
        return;
    s->safe = is_next(&safe, &last) ? last : safe;
    s->safe.bytes = NULL;
    s->has_safe = true;
}

static int ask(struct canp_ship *s)
{
    char subject[STREAM_SUBJECT_BYTES * 2];
    const char *status = NULL;
    natsMsg *msg = NULL;
    snprintf(subject, sizeof(subject), "%s.DIRECT.GET.%s.%s", s->stream->api, s->stream->name, s->subject);
    natsStatus r = natsConnection_RequestString(&msg, s->stream->nc, subject, "", s->ask_ms);
    if (r == NATS_TIMEOUT) {
        s->ask_ms = s->ask_ms * 2 > ASK_MAX_MS ? ASK_MAX_MS : s->ask_ms * 2;
        return go_back(s, "no answer; is it there, and does it allow direct access? The stream ",
                       s->stream->name);
    }
    if (r == NATS_NO_RESPONDERS)
        return go_back(s, "not there, or it does not allow direct access: the stream ", s->stream->name);
    if (r != NATS_OK)
        return go_back(s, "the server does not say where to go on: ", natsStatus_GetText(r));
    natsMsgHeader_Get(msg, "Status", &status);
    if (!status)
        go_on_behind(s, msg);
    else
        s->has_safe = false; /* 404: the stream has nothing of it, or not any more */
    natsMsg_Destroy(msg);
    canp_block_source_resume(s->source, s->has_safe ? &s->safe : NULL);
    if (s->has_safe)
        s->removable = s->safe.segment - (s->safe.kind != CANP_BLOCK_SEAL);
    s->asked = true;
    s->is_empty = false;
    return 1;
}

/* ---- answers --------------------------------------------------------------------------------------- */

/* {"error":{"code":…,"description":"…"}}: the text, cut to what is harmless. */
static const char *error_of(const char *json, char out[128])
{
    static const char key[] = "\"description\":\"";
    const char *at = strstr(json, key);
    size_t n = 0;
    for (at = at ? at + strlen(key) : ""; *at && *at != '"' && n < 127; at++)
        out[n++] = *at >= ' ' && *at < 127 ? *at : '?';
    out[n] = '\0';
    return n ? out : "an error without a text";
}

/* What is stored from the oldest on is safe. */
static void pass_stored(struct canp_ship *s)
{
    while (s->count && flying_at(s, 0)->stored) {
        const struct flying *f = flying_at(s, 0);
        s->safe = f->what;
        s->has_safe = true;
        s->stats.messages++;
        s->stats.frames += f->what.frames;
        s->stats.bytes += f->size;
        if (f->what.kind != CANP_BLOCK_SEAL && f->what.last_ns > s->stats.last_ns)
            s->stats.last_ns = f->what.last_ns;
        if (f->what.kind == CANP_BLOCK_SEAL)
            s->removable = f->what.segment;
        s->flying_bytes -= f->size;
        s->first = (s->first + 1) % s->window;
        s->count--;
    }
}

static int take_answer(struct canp_ship *s, natsMsg *msg)
{
    const char *id_text = strrchr(natsMsg_GetSubject(msg), '.'), *status = NULL;
    uint64_t id = id_text ? strtoull(id_text + 1, NULL, 10) : 0;
    uint64_t oldest = s->count ? flying_at(s, 0)->id : 0;
    char text[128], json[512];
    if (!s->count || id < oldest || id - oldest >= s->count)
        return 1; /* of what was given up meanwhile */
    snprintf(json, sizeof(json), "%.*s", natsMsg_GetDataLength(msg), natsMsg_GetData(msg));
    natsMsgHeader_Get(msg, "Status", &status);
    if (status)
        return go_back(s, "not there: the stream ", s->stream->name);
    if (strstr(json, "\"error\""))
        return go_back(s, "the stream refuses: ", error_of(json, text));
    flying_at(s, (unsigned)(id - oldest))->stored = true;
    s->heard_ns = canp_monotonic_ns();
    s->backoff_ns = 0;
    pass_stored(s);
    return 1;
}

/* Waits at most this long for the first. 1 when there was one, 0, or -EAGAIN. */
static int take_answers(struct canp_ship *s, int64_t wait_ms)
{
    int done = 0;
    for (;;) {
        uint64_t queued = 0;
        natsMsg *msg = NULL;
        natsSubscription_QueuedMsgs(s->answers, &queued);
        if (!queued && (done || wait_ms <= 0))
            return done;
        if (natsSubscription_NextMsg(&msg, s->answers, queued ? 1 : wait_ms) != NATS_OK)
            return done;
        int r = take_answer(s, msg);
        natsMsg_Destroy(msg);
        if (r < 0)
            return r;
        done = 1;
    }
}

/* ---- sending --------------------------------------------------------------------------------------- */

static natsStatus set_headers(struct canp_ship *s, natsMsg *msg, const struct canp_block_message *m)
{
    char text[STREAM_SUBJECT_BYTES + 80];
    /* The end belongs to it: after a restart a message may begin at the same record and hold more. */
    snprintf(text, sizeof(text), "%s/%" PRIu64 "/%" PRIu64 "-%" PRIu64 "%s", s->subject, m->segment,
             m->record, m->record + m->records, m->kind == CANP_BLOCK_SEAL ? "/seal" : "");
    natsStatus r = natsMsgHeader_Set(msg, "Nats-Msg-Id", text);
    if (r != NATS_OK || !s->has_safe)
        return r;
    snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 " %" PRIu32 " %d", s->safe.segment, s->safe.record,
             s->safe.records, (int)s->safe.kind);
    return natsMsgHeader_Set(msg, SAFE_HEADER, text);
}

static int publish(struct canp_ship *s, const struct canp_block_message *m)
{
    char reply[STREAM_SUBJECT_BYTES + 24];
    natsMsg *msg = NULL;
    uint64_t id = s->next_id++;
    snprintf(reply, sizeof(reply), "%s.%" PRIu64, s->inbox, id);
    natsStatus r = natsMsg_Create(&msg, s->subject, reply, (const char *)m->bytes, (int)m->size);
    if (r == NATS_OK)
        r = set_headers(s, msg, m);
    if (r == NATS_OK)
        r = natsConnection_PublishMsg(s->stream->nc, msg);
    natsMsg_Destroy(msg);
    if (r != NATS_OK)
        return go_back(s, "cannot send: ", natsStatus_GetText(r));
    if (s->count == 0)
        s->heard_ns = canp_monotonic_ns();
    s->count++;
    *flying_at(s, s->count - 1) = (struct flying){.id = id, .size = (uint32_t)m->size, .what = *m};
    s->flying_bytes += m->size;
    s->stream->tokens -= (double)m->size;
    return 1;
}

/* Bytes trickle in by the rate, which all that ship by this connection share; a second's worth may wait. */
static bool rate_allows(struct canp_stream *stream, uint64_t now_ns)
{
    if (!stream->rate)
        return true;
    stream->tokens += (double)(now_ns - stream->tokens_ns) * 1e-9 * (double)stream->rate;
    stream->tokens_ns = now_ns;
    if (stream->tokens > (double)stream->rate)
        stream->tokens = (double)stream->rate;
    return stream->tokens > 0;
}

static int send_next(struct canp_ship *s, uint64_t now_ns)
{
    struct canp_block_message m;
    bool flush = s->gathering_ns && now_ns - s->gathering_ns >= s->linger_ns;
    int r = canp_block_source_next(s->source, flush, &m);
    bool gathered = canp_block_source_has_gathered(s->source);
    if (!gathered)
        s->gathering_ns = 0;
    else if (r == 1 || !s->gathering_ns)
        s->gathering_ns = now_ns;
    s->is_empty = r == 0 && !gathered;
    if (r == 1 && m.kind == CANP_BLOCK_SEAL && s->count) {
        s->seal = m;
        s->seal_waits = true;
        return 0;
    }
    return r == 1 ? publish(s, &m) : r;
}

static int send_seal(struct canp_ship *s)
{
    if (s->count)
        return 0;
    s->seal_waits = false;
    return publish(s, &s->seal);
}

static int send_some(struct canp_ship *s)
{
    int done = 0;
    while (s->count < s->window && s->flying_bytes < WINDOW_BYTES) {
        uint64_t now_ns = canp_monotonic_ns();
        if (!rate_allows(s->stream, now_ns))
            break;
        int r = s->seal_waits ? send_seal(s) : send_next(s, now_ns);
        if (r <= 0)
            return r < 0 ? r : done;
        done = 1;
        if (s->count % 8 == 0 && (r = take_answers(s, 0)) < 0)
            return r;
    }
    return done;
}

/* ---- removing -------------------------------------------------------------------------------------- */

static void remove_safe(struct canp_ship *s)
{
    if (s->removed + REMOVE_BACK < s->removable)
        s->removed = s->removable - REMOVE_BACK;
    while (s->removed < s->removable && canp_block_source_remove_segment(s->source, s->removed + 1) == 0) {
        s->removed++;
        s->stats.removed++;
    }
}

/* ---- for users ------------------------------------------------------------------------------------- */

static int wait_to_retry(struct canp_ship *s, uint64_t wait_ns, struct canp_why *why)
{
    uint64_t now_ns = canp_monotonic_ns();
    if (now_ns < s->retry_ns) {
        uint64_t left_ns = s->retry_ns - now_ns;
        nats_Sleep((int64_t)((left_ns < wait_ns ? left_ns : wait_ns) / 1000000));
        return canp_fail(why, -EAGAIN, "%s", s->last.text);
    }
    int r = ask(s);
    return r < 0 ? canp_fail(why, r, "%s", s->last.text) : r;
}

int canp_ship_step(struct canp_ship *s, uint64_t wait_ns, struct canp_why *why)
{
    if (!s->asked)
        return wait_to_retry(s, wait_ns, why);
    int r = take_answers(s, 0), sent = 0;
    if (r >= 0)
        sent = send_some(s);
    if (r >= 0 && sent >= 0 && s->count && canp_monotonic_ns() - s->heard_ns > SILENCE_NS)
        r = go_back(s, "no answer from the stream ", s->stream->name);
    if (r == -EAGAIN || sent == -EAGAIN)
        return canp_fail(why, -EAGAIN, "%s", s->last.text);
    if (sent < 0)
        return canp_fail(why, sent, "cannot read the recording: %s", canp_strerror(sent));
    if (s->delete_when_safe)
        remove_safe(s);
    if (r || sent)
        return 1;
    r = take_answers(s, (int64_t)(wait_ns / 1000000));
    return r == -EAGAIN ? canp_fail(why, r, "%s", s->last.text) : r;
}

bool canp_ship_is_level(const struct canp_ship *s)
{
    return s->asked && s->count == 0 && s->is_empty && !s->seal_waits;
}

bool canp_ship_is_done(const struct canp_ship *s)
{
    return canp_ship_is_level(s) && canp_block_source_is_done(s->source);
}

void canp_ship_stats(const struct canp_ship *s, struct canp_ship_stats *out)
{
    *out = s->stats;
    out->segment = s->has_safe ? s->safe.segment : 0;
    out->record = s->has_safe ? s->safe.record + s->safe.records : 0;
}

static int open_source(struct canp_ship *s, const char *path, struct canp_why *why)
{
    struct canp_block_source_opts opts = CANP_BLOCK_SOURCE_OPTS_INIT;
    int64_t payload = natsConnection_GetMaxPayload(s->stream->nc);
    opts.message_bytes_max = CANP_BLOCK_MESSAGE_BYTES_MAX - HEADERS_BYTES;
    if (payload < (int64_t)opts.message_bytes_max + HEADERS_BYTES)
        opts.message_bytes_max = payload > (int64_t)HEADERS_BYTES ? (uint32_t)payload - HEADERS_BYTES : 1;
    return canp_block_source_open(path, &opts, &s->source, why);
}

static int open_ship(struct canp_ship *s, const char *path, const struct canp_ship_opts *opts,
                     struct canp_why *why)
{
    uint8_t recording[16];
    char hex[STREAM_HEX_BYTES];
    if (!opts->vehicle || !canp_block_vehicle_is_valid(opts->vehicle))
        return canp_fail(why, -EINVAL, "a vehicle's name has 1 to 64 letters, digits, - and _");
    if (opts->window > WINDOW_MAX)
        return canp_fail(why, -EINVAL, "at most %u messages can be on the way", WINDOW_MAX);
    int r = open_source(s, path, why);
    if (r < 0)
        return r;
    canp_block_source_recording(s->source, recording);
    canp_stream_hex(recording, hex);
    snprintf(s->subject, sizeof(s->subject), "can.%s.%s.blocks", opts->vehicle, hex);
    s->flying = calloc(s->window, sizeof(*s->flying));
    if (!s->flying)
        return canp_fail(why, -ENOMEM, "out of memory");
    r = canp_stream_inbox(s->stream, s->inbox);
    if (r < 0)
        return canp_fail(why, r, "no random numbers: %s", canp_strerror(r));
    char all[STREAM_SUBJECT_BYTES + 4];
    snprintf(all, sizeof(all), "%s.*", s->inbox);
    natsStatus status = natsConnection_SubscribeSync(&s->answers, s->stream->nc, all);
    return status == NATS_OK ? 0 : canp_stream_fail(why, status, "cannot listen for answers");
}

int canp_ship_open(struct canp_stream *stream, const char *path, const struct canp_ship_opts *opts,
                   struct canp_ship **out, struct canp_why *why)
{
    struct canp_ship_opts taken;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0)
        return canp_fail(why, r, "ship: options that this release does not know");
    struct canp_ship *s = calloc(1, sizeof(*s));
    if (!s)
        return canp_fail(why, -ENOMEM, "out of memory");
    s->stream = stream;
    s->linger_ns = taken.linger_ns ? taken.linger_ns : LINGER_DEFAULT_NS;
    s->delete_when_safe = taken.delete_when_safe;
    s->window = taken.window ? taken.window : WINDOW_DEFAULT;
    s->next_id = 1;
    s->ask_ms = ASK_MIN_MS;
    r = open_ship(s, path, &taken, why);
    if (r < 0)
        canp_ship_close(s);
    else
        *out = s;
    return r;
}

void canp_ship_close(struct canp_ship *s)
{
    if (!s)
        return;
    natsSubscription_Destroy(s->answers);
    canp_block_source_close(s->source);
    free(s->flying);
    free(s);
}

int canp_stream_tell(struct canp_stream *stream, const char *vehicle, const char *json)
{
    char subject[STREAM_SUBJECT_BYTES];
    snprintf(subject, sizeof(subject), "$KV.%s.%s", CANP_STREAM_FLEET_BUCKET, vehicle);
    if (!canp_block_vehicle_is_valid(vehicle))
        return -EINVAL;
    natsStatus s = natsConnection_PublishString(stream->nc, subject, json);
    return s == NATS_OK ? 0 : canp_stream_fail(NULL, s, subject);
}
