/*
 * The records of a recording: CAN frames in the kernel's own layout, and the events between them (gaps,
 * interface definitions, link changes, marks, clock anchors). Segment files hold these structs as they are;
 * assertions in engine/frame/rows.c fix their sizes and offsets. All integers are little-endian on disk.
 *
 * Plain data: any thread, no state.
 */
#ifndef CANP_FRAME_H
#define CANP_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include <canp/export.h>

CANP_BEGIN_DECLS
CANP_BEGIN_FLEXIBLE

/* Flags in canp_frame.id (linux/can.h: CAN_EFF_FLAG, CAN_RTR_FLAG, CAN_ERR_FLAG). */
#define CANP_ID_EFF      0x80000000U
#define CANP_ID_RTR      0x40000000U
#define CANP_ID_ERR      0x20000000U
#define CANP_ID_SFF_MASK 0x000007FFU
#define CANP_ID_EFF_MASK 0x1FFFFFFFU

/* Flags in canp_frame.flags of an FD frame (linux/can.h: CANFD_BRS, CANFD_ESI, CANFD_FDF). */
#define CANP_FD_BRS 0x01U
#define CANP_FD_ESI 0x02U
#define CANP_FD_FDF 0x04U

/* A classic or FD frame, laid out as struct can_frame and struct canfd_frame; data is cut to len. */
struct canp_frame {
    uint32_t id;      /* 11 or 29 bit identifier and CANP_ID_* flags */
    uint8_t len;      /* payload bytes, 0..8 (classic) or 0..64 (FD) */
    uint8_t flags;    /* FD: CANP_FD_*; classic: padding as the kernel gave it */
    uint8_t res0;     /* reserved in linux/can.h */
    uint8_t len8_dlc; /* classic: raw DLC 9..15 when len is 8, else 0; FD: reserved */
    uint8_t data[];   /* len bytes, zero-padded to a multiple of 8 */
};

/* A CAN XL frame, laid out as struct canxl_frame (linux/can.h since 6.2). */
struct canp_xl_frame {
    uint32_t prio; /* 11 bit priority, VCID in bits 16..23 */
    uint8_t flags; /* 0x80 XLF always, 0x01 SEC */
    uint8_t sdt;   /* SDU type */
    uint16_t len;  /* payload bytes, 1..2048 */
    uint32_t af;   /* acceptance field */
    uint8_t data[];
};

/* Room for a whole frame, for programs that make one. */
union canp_frame_store {
    struct canp_frame frame;
    uint8_t bytes[8 + 64]; /* as large as struct canfd_frame */
};

union canp_xl_frame_store {
    struct canp_xl_frame xl;
    uint8_t bytes[12 + 2048]; /* as large as struct canxl_frame */
};

/* Kinds of record. Below CANP_KIND_GAP: frames. */
enum canp_kind {
    CANP_KIND_CAN =
        0, /* classic frame, remote frame (id & RTR) or error frame (id & ERR): struct canp_frame */
    CANP_KIND_FD = 1,    /* CAN FD frame: struct canp_frame */
    CANP_KIND_XL = 2,    /* CAN XL frame: struct canp_xl_frame */
    CANP_KIND_GAP = 8,   /* frames lost here: struct canp_gap */
    CANP_KIND_IFACE = 9, /* defines a channel's interface: struct canp_iface */
    CANP_KIND_LINK = 10, /* an interface changed: struct canp_link_event */
    CANP_KIND_MARK =
        11, /* a text: struct canp_event with enum canp_mark_code, then the text, not zero-terminated */
    CANP_KIND_CLOCK = 12, /* clock anchor: struct canp_clock */
};

/* Codes of a mark. A reader shows the text of a mark whose code it does not know. */
enum canp_mark_code {
    CANP_MARK_TEXT = 0, /* anything */
    CANP_MARK_NOTE = 1, /* KEY=VALUE about the recording; stands in each segment. Key `note`: said while
                           it was recorded, at the mark's time; stands once */
    CANP_MARK_WINDOW_BEGIN =
        2, /* recording by triggers: the records that follow were kept because of the trigger named here */
    CANP_MARK_WINDOW_END = 3, /* nothing was kept from here to the next begin, on purpose: this is no loss */
    CANP_MARK_OUTSIDE =
        4, /* the text is a number: frames of this channel in no window since its previous such mark */
};

/* Which way a frame went, seen from this host (MSG_DONTROUTE and MSG_CONFIRM of recvmsg). */
enum canp_dir {
    CANP_DIR_RX = 0,  /* from the bus */
    CANP_DIR_TX = 1,  /* sent by another socket of this host */
    CANP_DIR_OWN = 2, /* sent by the recording socket itself */
};

/* The beginning of every record that is no frame. */
struct canp_event {
    uint32_t code;  /* meaning depends on the kind */
    uint16_t bytes; /* whole event, this header included; the row is padded to a multiple of 8 */
    uint16_t zero;
    uint8_t payload[];
};

/* Where frames were lost. */
enum canp_layer {
    CANP_LAYER_SOCKET = 1,   /* socket receive buffer full (SO_RXQ_OVFL, SO_MEMINFO) */
    CANP_LAYER_DEVICE = 2,   /* device or controller (rx_dropped, rx_over_errors) */
    CANP_LAYER_RECORDER = 3, /* no free slab, disk full, write error */
    CANP_LAYER_STORE = 4,    /* damage found later (repair) */
    CANP_LAYER_STREAM = 5,   /* the reader of a stream did not take them; the recording may have them */
};

/* code = enum canp_layer. The loss happened between from_ns and to_ns (CLOCK_REALTIME, Unix epoch). */
struct canp_gap {
    uint32_t layer;
    uint16_t bytes;
    uint16_t zero;
    uint64_t lost; /* frames */
    int64_t from_ns;
    int64_t to_ns;
};

#define CANP_IFACE_NAME_BYTES 16

/* code = enum canp_iface_type (ARPHRD). Bit rates in bit/s, 0 = unknown (vcan has none). */
struct canp_iface {
    uint32_t mtu; /* 16 classic, 72 FD, up to 2060 XL */
    uint16_t bytes;
    uint16_t zero;
    char name[CANP_IFACE_NAME_BYTES]; /* zero-terminated */
    uint32_t ifindex;                 /* of the recording host, information only */
    uint32_t bitrate;
    uint32_t dbitrate;
    uint32_t ctrlmode; /* CAN_CTRLMODE_* of linux/can/netlink.h */
};

/* code = enum canp_link_code. */
enum canp_link_code {
    CANP_LINK_UP = 1,
    CANP_LINK_DOWN = 2,
    CANP_LINK_GONE = 3,    /* unregistered */
    CANP_LINK_BACK = 4,    /* registered again */
    CANP_LINK_RENAMED = 5, /* name holds the new one */
    CANP_LINK_STATE = 6,   /* controller state changed (state: linux/can/netlink.h enum can_state) */
};

struct canp_link_event {
    uint32_t code;
    uint16_t bytes;
    uint16_t zero;
    char name[CANP_IFACE_NAME_BYTES];
    uint32_t state; /* controller state, 0xFFFFFFFF = unknown */
    uint16_t tx_errors;
    uint16_t rx_errors;
};

/* The clocks, read at one moment. When CLOCK_REALTIME is set, its difference to the others changes.
 * CLOCK_MONOTONIC stands still while the machine is suspended, CLOCK_BOOTTIME does not. */
enum canp_clock_code {
    CANP_CLOCK_ANCHOR = 0,
    CANP_CLOCK_SUSPEND = 1, /* the machine was suspended for suspended_ns, until now */
};

struct canp_clock {
    uint32_t code; /* enum canp_clock_code */
    uint16_t
        bytes; /* CANP_CLOCK_BYTES_MIN where the writer gave no boottime: the record ends behind boot_id */
    uint16_t zero;
    int64_t realtime_ns;
    int64_t monotonic_ns;
    uint8_t boot_id[16];
    int64_t boottime_ns;  /* only where canp_clock_has_boottime() */
    int64_t suspended_ns; /* likewise; CANP_CLOCK_SUSPEND: how long, else 0 */
};

#define CANP_CLOCK_BYTES_MIN 40U

static inline bool canp_clock_has_boottime(const struct canp_clock *clock)
{
    return clock->bytes >= sizeof(*clock);
}

/*
 * One record as a reader lends it. The pointers lead into the file's mapping or a pooled buffer; the function
 * that lends the record says how long they are valid.
 */
struct canp_record {
    int64_t time_ns;    /* since the Unix epoch, CLOCK_REALTIME at reception */
    int64_t hw_time_ns; /* the adapter's own stamp, valid when has_hw_time */
    uint8_t kind;       /* enum canp_kind */
    uint8_t channel;    /* index into the recording's interfaces */
    uint8_t dir;        /* enum canp_dir */
    bool has_hw_time;
    uint32_t row_bytes; /* size of the row in the block */
    union {
        const struct canp_frame *frame;     /* CANP_KIND_CAN, CANP_KIND_FD */
        const struct canp_xl_frame *xl;     /* CANP_KIND_XL */
        const struct canp_event *event;     /* any kind >= CANP_KIND_GAP */
        const struct canp_gap *gap;         /* CANP_KIND_GAP */
        const struct canp_iface *iface;     /* CANP_KIND_IFACE */
        const struct canp_link_event *link; /* CANP_KIND_LINK */
        const struct canp_clock *clock;     /* CANP_KIND_CLOCK */
    };
};

static inline bool canp_kind_is_frame(uint8_t kind)
{
    return kind < CANP_KIND_GAP;
}

/* The id under which a frame is counted: EFF and ERR flags kept, RTR not; of an XL frame the priority. */
static inline uint32_t canp_record_id(const struct canp_record *frame)
{
    return frame->kind == CANP_KIND_XL ? frame->xl->prio & CANP_ID_SFF_MASK : frame->frame->id & ~CANP_ID_RTR;
}

/* A number that is different for each channel, kind and id, and never 0. */
static inline uint64_t canp_id_key(uint8_t channel, uint8_t kind, uint32_t id)
{
    return UINT64_C(1) << 63 | (uint64_t)channel << 40 | (uint64_t)kind << 32 | id;
}

/* The place in a hash table of 2^bits places, bits from 1 to 32, at which the search for a key begins
 * (Fibonacci hashing: Knuth, The Art of Computer Programming, 6.4). */
static inline uint32_t canp_id_slot(uint64_t key, unsigned bits)
{
    return (uint32_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - bits));
}

CANP_END_FLEXIBLE
CANP_END_DECLS

#endif
