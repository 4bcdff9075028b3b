/* The connection (canp/stream.h). One thread at a time; libnats reconnects in a thread of its own. */
#include "stream_priv.h"

#include <canp/pools/clock.h>
#include <canp/private/opts.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CONNECT_MS    5000
#define RECONNECT_MS  1000
#define PING_MS       20000     /* a link that died is noticed after three of these */
#define BUFFER_BYTES  (2 << 20) /* of what is published while there is no link: more is repeated anyway */
#define DUPLICATES_NS INT64_C(120000000000)

int canp_stream_fail(struct canp_why *why, natsStatus status, const char *what)
{
    const char *detail = nats_GetLastError(NULL);
    int r = -EIO;
    switch (status) {
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED:
        r = -EACCES;
        break;
    case NATS_NO_SERVER:
    case NATS_CONNECTION_CLOSED:
    case NATS_CONNECTION_DISCONNECTED:
    case NATS_NO_RESPONDERS:
    case NATS_TIMEOUT:
    case NATS_IO_ERROR:
        r = -ECONNREFUSED;
        break;
    case NATS_NO_MEMORY:
        r = -ENOMEM;
        break;
    case NATS_NOT_FOUND:
        r = -ENOENT;
        break;
    case NATS_INVALID_ARG:
        r = -EINVAL;
        break;
    default:
        break;
    }
    return canp_fail(why, r, "%s: %s%s%s", what, natsStatus_GetText(status), detail && *detail ? ": " : "",
                     detail ? detail : "");
}

void canp_stream_hex(const uint8_t recording[16], char out[STREAM_HEX_BYTES])
{
    for (unsigned i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", recording[i]);
}

bool canp_stream_unhex(const char *hex, uint8_t out[16])
{
    if (strlen(hex) != 32 || strspn(hex, "0123456789abcdef") != 32)
        return false;
    for (unsigned i = 0; i < 16; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

int canp_stream_inbox(const struct canp_stream *stream, char out[STREAM_SUBJECT_BYTES])
{
    uint64_t random[2];
    if (getentropy(random, sizeof(random)) < 0)
        return -errno;
    snprintf(out, STREAM_SUBJECT_BYTES, "%s.%016llx%016llx", stream->inbox, (unsigned long long)random[0],
             (unsigned long long)random[1]);
    return 0;
}

/* ---- opening --------------------------------------------------------------------------------------- */

static natsStatus set_servers(natsOptions *o, const char *url)
{
    enum { SERVERS_MAX = 16 };
    const char *servers[SERVERS_MAX];
    char *copy = strdup(url), *rest = NULL;
    int count = 0;
    if (!copy)
        return NATS_NO_MEMORY;
    for (char *one = strtok_r(copy, ",", &rest); one && count < SERVERS_MAX; one = strtok_r(NULL, ",", &rest))
        servers[count++] = one;
    natsStatus s = count ? natsOptions_SetServers(o, servers, count) : NATS_INVALID_ARG;
    free(copy);
    return s;
}

/* libnats takes the seed from the file, but wants the public key apart. `nk -gen user -pubout` writes both.
 */
static natsStatus set_nkey(natsOptions *o, const char *file)
{
    char line[256], key[64] = "";
    FILE *f = fopen(file, "re");
    if (!f)
        return NATS_NOT_FOUND;
    while (!key[0] && fgets(line, sizeof(line), f)) {
        size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
        if (line[0] == 'U' && n == 56)
            memcpy(key, line, n);
    }
    explicit_bzero(line, sizeof(line));
    fclose(f);
    return key[0] ? natsOptions_SetNKeyFromSeed(o, key, file) : NATS_NOT_FOUND;
}

static natsStatus set_identity(natsOptions *o, const struct canp_stream_opts *opts)
{
    natsStatus s = NATS_OK;
    if (opts->credentials)
        s = natsOptions_SetUserCredentialsFromFiles(o, opts->credentials, NULL);
    if (s == NATS_OK && opts->nkey)
        s = set_nkey(o, opts->nkey);
    if (s == NATS_OK && opts->user)
        s = natsOptions_SetUserInfo(o, opts->user, opts->password ? opts->password : "");
    if (s == NATS_OK && opts->ca)
        s = natsOptions_LoadCATrustedCertificates(o, opts->ca);
    if (s == NATS_OK && opts->certificate)
        s = natsOptions_LoadCertificatesChain(o, opts->certificate, opts->key);
    bool tls = opts->ca || opts->certificate || strstr(opts->url, "tls://");
    return s == NATS_OK && tls ? natsOptions_SetSecure(o, true) : s;
}

/* In a thread of libnats. Without it libnats prints. */
static void note_error(natsConnection *nc, natsSubscription *sub, natsStatus error, void *closure)
{
    struct canp_stream *stream = closure;
    (void)nc;
    (void)sub;
    if (error == NATS_NOT_PERMITTED)
        atomic_store(&stream->forbidden, true);
}

static natsStatus set_options(struct canp_stream *stream, natsOptions *o, const struct canp_stream_opts *opts)
{
    natsStatus s = set_servers(o, opts->url);
    if (s == NATS_OK)
        s = set_identity(o, opts);
    if (s == NATS_OK && opts->inbox)
        s = natsOptions_SetCustomInboxPrefix(o, stream->inbox);
    if (s == NATS_OK)
        s = natsOptions_SetErrorHandler(o, note_error, stream);
    if (s == NATS_OK)
        s = natsOptions_SetName(o, "canp");
    if (s == NATS_OK)
        s = natsOptions_SetTimeout(o, CONNECT_MS);
    if (s == NATS_OK)
        s = natsOptions_SetMaxReconnect(o, -1);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectWait(o, RECONNECT_MS);
    if (s == NATS_OK)
        s = natsOptions_SetPingInterval(o, PING_MS);
    return s == NATS_OK ? natsOptions_SetReconnectBufSize(o, BUFFER_BYTES) : s;
}

static natsStatus connect_to(struct canp_stream *stream, const struct canp_stream_opts *opts)
{
    natsOptions *o = NULL;
    jsOptions jso;
    natsStatus s = natsOptions_Create(&o);
    if (s == NATS_OK)
        s = set_options(stream, o, opts);
    if (s == NATS_OK)
        s = natsConnection_Connect(&stream->nc, o);
    natsOptions_Destroy(o);
    if (s == NATS_OK)
        s = jsOptions_Init(&jso);
    if (s != NATS_OK)
        return s;
    jso.Domain = opts->domain;
    return natsConnection_JetStream(&stream->js, stream->nc, &jso);
}

static bool is_token(const char *text)
{
    return !text || canp_block_vehicle_is_valid(text);
}

static int check_opts(const struct canp_stream_opts *opts, struct canp_stream_opts *taken,
                      struct canp_why *why)
{
    int r = canp_opts_take(taken, sizeof(*taken), sizeof(*taken), opts);
    if (r < 0)
        return canp_fail(why, r, "stream: options that this release does not know");
    if (!taken->url)
        return canp_fail(why, -EINVAL, "stream: no URL");
    if (strchr(taken->url, '@'))
        return canp_fail(why, -EINVAL,
                         "the URL holds a user or a password, which others can see: give them apart");
    if (!is_token(taken->name) || !is_token(taken->domain) || !is_token(taken->inbox))
        return canp_fail(why, -EINVAL,
                         "names of streams, domains and vehicles have letters, digits, - and _ only");
    return 0;
}

int canp_stream_open(const struct canp_stream_opts *opts, struct canp_stream **out, struct canp_why *why)
{
    struct canp_stream_opts taken;
    int r = check_opts(opts, &taken, why);
    if (r < 0)
        return r;
    struct canp_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return canp_fail(why, -ENOMEM, "out of memory");
    snprintf(stream->name, sizeof(stream->name), "%s", taken.name ? taken.name : CANP_STREAM_NAME);
    snprintf(stream->api, sizeof(stream->api), "$JS.%s%sAPI", taken.domain ? taken.domain : "",
             taken.domain ? "." : "");
    snprintf(stream->inbox, sizeof(stream->inbox), "_INBOX%s%s", taken.inbox ? "." : "",
             taken.inbox ? taken.inbox : "");
    stream->rate = taken.rate;
    stream->tokens_ns = canp_monotonic_ns();
    natsStatus s = connect_to(stream, &taken);
    if (s != NATS_OK) {
        r = canp_stream_fail(why, s, taken.url);
        canp_stream_close(stream);
        return r;
    }
    *out = stream;
    return 0;
}

void canp_stream_close(struct canp_stream *stream)
{
    if (!stream)
        return;
    jsCtx_Destroy(stream->js);
    if (stream->nc)
        natsConnection_FlushTimeout(stream->nc, 1000);
    natsConnection_Destroy(stream->nc);
    free(stream);
}

bool canp_stream_is_connected(const struct canp_stream *stream)
{
    return natsConnection_Status(stream->nc) == NATS_CONN_STATUS_CONNECTED;
}

/* ---- making the stream ----------------------------------------------------------------------------- */

static natsStatus make_bucket(struct canp_stream *stream, const struct canp_stream_create_opts *opts)
{
    kvConfig cfg;
    kvStore *kv = NULL;
    natsStatus s = kvConfig_Init(&cfg);
    if (s != NATS_OK)
        return s;
    cfg.Bucket = CANP_STREAM_FLEET_BUCKET;
    cfg.History = 1;
    cfg.Replicas = opts->replicas ? (int)opts->replicas : 1;
    cfg.StorageType = opts->in_memory ? js_MemoryStorage : js_FileStorage;
    s = js_CreateKeyValue(&kv, stream->js, &cfg);
    kvStore_Destroy(kv);
    return s;
}

static natsStatus make_stream(struct canp_stream *stream, const struct canp_stream_create_opts *opts,
                              jsErrCode *code)
{
    const char *subjects[] = {"can.*.*.blocks"};
    jsStreamConfig cfg;
    natsStatus s = jsStreamConfig_Init(&cfg);
    if (s != NATS_OK)
        return s;
    cfg.Name = stream->name;
    cfg.Subjects = subjects;
    cfg.SubjectsLen = 1;
    cfg.MaxBytes = opts->bytes_max ? (int64_t)opts->bytes_max : -1;
    cfg.MaxAge = (int64_t)opts->age_ns;
    cfg.Discard = opts->discard_old ? js_DiscardOld : js_DiscardNew;
    cfg.Storage = opts->in_memory ? js_MemoryStorage : js_FileStorage;
    cfg.Replicas = opts->replicas ? opts->replicas : 1;
    cfg.Duplicates =
        opts->age_ns && (int64_t)opts->age_ns < DUPLICATES_NS ? (int64_t)opts->age_ns : DUPLICATES_NS;
    cfg.AllowDirect = true;
    return js_AddStream(NULL, stream->js, &cfg, NULL, code);
}

int canp_stream_create(struct canp_stream *stream, const struct canp_stream_create_opts *opts,
                       struct canp_why *why)
{
    struct canp_stream_create_opts taken;
    jsErrCode code = 0;
    int r = canp_opts_take(&taken, sizeof(taken), sizeof(taken), opts);
    if (r < 0)
        return canp_fail(why, r, "stream: options that this release does not know");
    natsStatus s = make_stream(stream, &taken, &code);
    if (code == JSStreamNameExistErr)
        return canp_fail(why, -EEXIST, "the stream %s is there, with other settings", stream->name);
    if (s == NATS_OK)
        s = make_bucket(stream, &taken);
    return s == NATS_OK ? 0 : canp_stream_fail(why, s, stream->name);
}
