/* The table of the fleet: what each vehicle last said of itself, and which recordings there are
 * (canp/stream.h). One thread. */
#include "stream_priv.h"

#include <errno.h>
#include <stdio.h>
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

/* "can.VEHICLE.RECORDING.blocks" */
static bool read_subject(const char *subject, char vehicle[STREAM_TEXT_BYTES + 1],
                         char recording[STREAM_HEX_BYTES])
{
    uint8_t ignored[16];
    return sscanf(subject, "can.%64[^.].%32[^.].", vehicle, recording) == 2 &&
           canp_block_vehicle_is_valid(vehicle) && canp_stream_unhex(recording, ignored);
}

int canp_stream_recordings(struct canp_stream *stream,
                           void (*each)(void *user, const char *vehicle, const char *recording,
                                        uint64_t messages),
                           void *user, struct canp_why *why)
{
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    jsOptions o;
    int count = 0;
    jsOptions_Init(&o);
    o.Stream.Info.SubjectsFilter = "can.*.*.blocks";
    natsStatus s = js_GetStreamInfo(&info, stream->js, stream->name, &o, &code);
    const jsStreamStateSubjects *subjects = s == NATS_OK ? info->State.Subjects : NULL;
    for (int i = 0; subjects && i < subjects->Count; i++) {
        char vehicle[STREAM_TEXT_BYTES + 1], recording[STREAM_HEX_BYTES];
        if (!read_subject(subjects->List[i].Subject, vehicle, recording))
            continue;
        each(user, vehicle, recording, subjects->List[i].Msgs);
        count++;
    }
    jsStreamInfo_Destroy(info);
    if (code == JSStreamNotFoundErr)
        return canp_fail(why, -ENOENT, "there is no stream %s", stream->name);
    return s == NATS_OK ? count : canp_stream_fail(why, s, stream->name);
}
