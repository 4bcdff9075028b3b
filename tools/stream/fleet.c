/* The table of the fleet: what each vehicle last said of itself (canp/stream.h). One thread. */
#include "stream_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int canp_stream_fleet(struct canp_stream *stream,
                      void (*each)(void *user, const char *vehicle, const char *json, size_t bytes,
                                   int64_t time_ns),
                      void *user, struct canp_why *why)
{
    kvStore *kv = NULL;
    kvKeysList keys = {0};
    int count = 0;
    natsStatus s = js_KeyValue(&kv, stream->js, CANP_STREAM_FLEET_BUCKET);
    if (s == NATS_OK)
        s = kvStore_Keys(&keys, kv, NULL);
    if (s == NATS_NOT_FOUND && kv) /* no key yet */
        s = NATS_OK;
    for (int i = 0; s == NATS_OK && i < keys.Count; i++) {
        kvEntry *entry = NULL;
        if (!canp_block_vehicle_is_valid(keys.Keys[i]) || kvStore_Get(&entry, kv, keys.Keys[i]) != NATS_OK)
            continue;
        each(user, keys.Keys[i], kvEntry_Value(entry), (size_t)kvEntry_ValueLen(entry),
             kvEntry_Created(entry));
        kvEntry_Destroy(entry);
        count++;
    }
    kvKeysList_Destroy(&keys);
    kvStore_Destroy(kv);
    return s == NATS_OK ? count
                        : canp_stream_fail(why, s, "the fleet's table (bucket " CANP_STREAM_FLEET_BUCKET ")");
}
