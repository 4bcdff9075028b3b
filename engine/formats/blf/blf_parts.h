/*
 * Shared by the files of Vector's BLF format: the layout of the file (little-endian, as published by the
 * vector_blf project) and the parts of the reader. One thread per reader.
 *
 * A file is a header of 144 bytes and objects. An object begins with LOBJ, its header's size and version, its
 * size and its type; a container (type 10) holds a piece of the stream of objects, so an object may begin in
 * one container and end in another.
 */
#ifndef CANP_FORMATS_BLF_PARTS_H
#define CANP_FORMATS_BLF_PARTS_H

#include "formats/log_format.h"
#include "formats/text/event_text.h"

#define CANP_BLF_HEADER_BYTES    144U
#define CANP_BLF_BASE_BYTES      16U /* of an object, whatever its type */
#define CANP_BLF_OBJECT_BYTES    32U /* with flags and stamp */
#define CANP_BLF_CONTAINER_BYTES 32U /* base and what a container adds */
#define CANP_BLF_STREAM_MAX                                                                                  \
    (4U * 1024 * 1024) /* of a container unpacked, and of an object: CANoe writes 128 KiB */
#define CANP_BLF_PIECE_BYTES (128U * 1024) /* of a container that we write */

enum canp_blf_type {
    CANP_BLF_CAN_MESSAGE = 1,
    CANP_BLF_CAN_ERROR = 2,
    CANP_BLF_CONTAINER = 10,
    CANP_BLF_CAN_DRIVER_ERROR = 31,
    CANP_BLF_CAN_ERROR_EXT = 73,
    CANP_BLF_CAN_MESSAGE2 = 86,
    CANP_BLF_EVENT_COMMENT = 92,
    CANP_BLF_CAN_FD_MESSAGE = 100,
    CANP_BLF_CAN_FD_MESSAGE_64 = 101,
    CANP_BLF_CAN_FD_ERROR_64 = 104,
    CANP_BLF_DATA_LOST_BEGIN = 125,
    CANP_BLF_DATA_LOST_END = 126,
};

/* The stream of objects that the containers hold, as much of it as is in memory: data[at..end). */
struct canp_blf_stream {
    uint8_t *data;
    size_t capacity, at, end;
    uint64_t passed; /* bytes of the stream before data[0] */
    bool is_over;
};

/* Brings what the next container holds. 1; 0 at the end; or an error. */
int canp_blf_more(struct canp_log_reader *reader, struct canp_blf_stream *stream);
void canp_blf_release(struct canp_blf_stream *stream);

/* Where the reader's stream and what it remembers between objects are. */
struct canp_blf_reading {
    struct canp_blf_stream stream; /* first: canp_blf_more() and the format share it */
    int64_t start_ns;
    bool has_gap;   /* our own comment told the gap that the next pair of DATA_LOST objects is */
    bool has_error; /* what an error frame says was told: of the next one of this channel */
    uint8_t error_channel;
    union canp_frame_store error;
};

/* One whole object: 1 a record; 0 none (it was counted); or an error. `offset` is of messages. */
int canp_blf_object(struct canp_log_reader *reader, const uint8_t *object, uint32_t bytes, uint64_t offset,
                    struct canp_record *out);

/* zlib's format. Unpacks as much as there is: how many bytes, or -CANP_E_FORMAT when this build cannot.
 * *is_sound: up to its end, and the checksum is right. */
int64_t canp_blf_unpack(const uint8_t *from, size_t bytes, uint8_t *to, size_t room, bool *is_sound);
/* Packs: how many bytes, 0 when it does not fit `room` or cannot be done. `packer` NULL: made. */
size_t canp_blf_pack(void **packer, const uint8_t *from, size_t bytes, uint8_t *to, size_t room);
void canp_blf_pack_end(void *packer);
bool canp_blf_can_pack(void);

static inline uint16_t canp_blf_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}
static inline uint32_t canp_blf_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}
static inline uint64_t canp_blf_u64(const uint8_t *at)
{
    return canp_blf_u32(at) | (uint64_t)canp_blf_u32(at + 4) << 32;
}
static inline void canp_blf_put_u16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}
static inline void canp_blf_put_u32(uint8_t *at, uint32_t value)
{
    canp_blf_put_u16(at, value);
    canp_blf_put_u16(at + 2, value >> 16);
}
static inline void canp_blf_put_u64(uint8_t *at, uint64_t value)
{
    canp_blf_put_u32(at, (uint32_t)value);
    canp_blf_put_u32(at + 4, (uint32_t)(value >> 32));
}

/* canp_format_blf's writer. */
struct canp_blf_writing {
    uint8_t piece[CANP_BLF_PIECE_BYTES]; /* of the stream, not written yet */
    size_t used;
    uint8_t packed[CANP_BLF_PIECE_BYTES];
    void *packer;
    int64_t start_ns, last_ns;
    uint64_t stream_bytes; /* with the containers' headers, as the file's header has it */
    uint32_t objects;
    bool has_begun;
};
int canp_blf_write(struct canp_log_writer *writer, const struct canp_record *record);
int canp_blf_flush(struct canp_log_writer *writer);
int canp_blf_finish(struct canp_log_writer *writer);
void canp_blf_discard(struct canp_log_writer *writer);

#endif
