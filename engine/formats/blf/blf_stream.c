/*
 * Unpacks BLF's containers into the stream of objects. Invariant: at <= end <= capacity, and memory is at
 * most two pieces of CANP_BLF_STREAM_MAX, whatever sizes the file claims. One thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats/blf/blf_parts.h"

void canp_blf_release(struct canp_blf_stream *stream)
{
    free(stream->data);
    *stream = (struct canp_blf_stream){.is_over = true};
}

/* Room for so many bytes behind `end`. What is unread moves only where at least as much room as that comes of
 * it, so that an object in a thousand containers is not moved a thousand times. */
static int make_room(struct canp_blf_stream *stream, size_t bytes)
{
    size_t there = stream->end - stream->at;
    if (stream->data && stream->capacity - stream->end >= bytes)
        return 0;
    uint8_t *data = stream->data;
    if (!data || there + bytes > stream->capacity / 2) {
        size_t capacity = 2 * (there + bytes) + CANP_BLF_OBJECT_BYTES; /* never none */
        data = malloc(capacity);
        if (!data)
            return -ENOMEM;
        stream->capacity = capacity;
    }
    if (there)
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): bytes is 0 where there are none */
        memmove(data, stream->data + stream->at, there);
    if (data != stream->data)
        free(stream->data);
    stream->data = data;
    stream->passed += stream->at;
    stream->at = 0;
    stream->end = there;
    return 0;
}

/* Goes to the next LOBJ of the file: 1, or 0 when there is none. */
static int find_object(struct canp_source *source)
{
    while (canp_source_need(source, CANP_BLF_BASE_BYTES)) {
        const uint8_t *found = memmem(source->at, canp_source_there(source), "LOBJ", 4);
        if (found) {
            source->at = found;
            if (canp_source_need(source, CANP_BLF_BASE_BYTES))
                return 1;
            continue;
        }
        source->at = source->end - 3;
    }
    return 0;
}

/* What lies in a container. The source stands behind its header; `bytes` of it are there. */
static int take_container(struct canp_log_reader *reader, struct canp_blf_stream *stream, const uint8_t *head,
                          size_t bytes, uint64_t offset)
{
    uint16_t method = canp_blf_u16(head);
    uint32_t unpacked = canp_blf_u32(head + 8);
    const uint8_t *from = head + (CANP_BLF_CONTAINER_BYTES - CANP_BLF_BASE_BYTES);
    size_t packed = bytes - (CANP_BLF_CONTAINER_BYTES - CANP_BLF_BASE_BYTES);
    int64_t got;
    bool is_sound = true;
    if (method != 0 && method != 2) {
        canp_log_bad_object(reader, "a container is packed by a method that is not known", offset);
        return 0;
    }
    if (method == 0)
        unpacked = (uint32_t)packed;
    if (unpacked > CANP_BLF_STREAM_MAX) {
        canp_log_bad_object(reader, "a container claims more than 4 MiB", offset);
        return 0;
    }
    int r = make_room(stream, unpacked);
    if (r < 0)
        return r;
    if (method == 0) {
        memcpy(stream->data + stream->end, from, packed);
        got = (int64_t)packed;
    } else {
        got = canp_blf_unpack(from, packed, stream->data + stream->end, unpacked, &is_sound);
    }
    if (got < 0)
        return canp_log_error(
            reader, (int)got,
            "%s: its containers are packed by deflate, which this build cannot undo: it was "
            "built without zlib and libdeflate",
            reader->path ? reader->path : "the log");
    if (got != unpacked || !is_sound)
        canp_log_bad_object(reader, "a container cannot be unpacked as a whole", offset);
    stream->end += (size_t)got;
    return 1;
}

int canp_blf_more(struct canp_log_reader *reader, struct canp_blf_stream *stream)
{
    struct canp_source *source = &reader->source;
    while (find_object(source)) {
        uint64_t offset = canp_source_offset(source);
        uint32_t bytes = canp_blf_u32(source->at + 8), type = canp_blf_u32(source->at + 12);
        size_t least = type == CANP_BLF_CONTAINER ? CANP_BLF_CONTAINER_BYTES : CANP_BLF_BASE_BYTES;
        if (bytes < least || bytes > 2 * CANP_BLF_STREAM_MAX) {
            canp_log_bad_object(reader, "an object's size cannot be", offset);
            source->at += 4;
            continue;
        }
        int64_t there = canp_source_fill(source, bytes);
        if (there < 0)
            return (int)there;
        if (there < (int64_t)least)
            break;
        if (there < bytes) {
            canp_log_bad_object(reader, "the file ends within this object", offset);
            bytes = (uint32_t)there;
        }
        int r = 1;
        if (type == CANP_BLF_CONTAINER) {
            r = take_container(reader, stream, source->at + CANP_BLF_BASE_BYTES, bytes - CANP_BLF_BASE_BYTES,
                               offset);
        } else if ((r = make_room(stream, bytes)) == 0) { /* an object outside of containers */
            memcpy(stream->data + stream->end, source->at, bytes);
            stream->end += bytes;
            r = 1;
        }
        source->at += bytes;
        if (r != 0)
            return r;
    }
    stream->is_over = true;
    return source->error;
}
