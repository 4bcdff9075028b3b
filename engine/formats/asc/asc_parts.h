/* Shared by the files of Vector's ASC format; blf/ uses its dates and error codes. Any thread. */
#ifndef CANP_FORMATS_ASC_PARTS_H
#define CANP_FORMATS_ASC_PARTS_H

#include "formats/log_format.h"
#include "formats/text/text_in.h"

/* Flags of CANFD and CANXL lines. */
#define CANP_ASC_RTR 0x00000010U
#define CANP_ASC_FDF 0x00001000U
#define CANP_ASC_BRS 0x00002000U
#define CANP_ASC_ESI 0x00004000U
#define CANP_ASC_XLF 0x00400000U
#define CANP_ASC_RRS 0x00800000U
#define CANP_ASC_SEC 0x01000000U

#define CANP_XL_SEC 0x01U /* linux/can.h: CANXL_SEC, CANXL_RRS, CANXL_XLF */
#define CANP_XL_RRS 0x02U
#define CANP_XL_XLF 0x80U

/* What a line behind its stamp is. Below 0: it should be a frame and cannot be read as one. */
enum canp_asc_verdict {
    CANP_ASC_FRAME = 1,
    CANP_ASC_OTHER = 0, /* `what` says in plural what it is */
    CANP_ASC_BAD = -1,  /* `what` says why */
};

struct canp_asc_line {
    uint32_t number; /* the channel's */
    uint8_t kind;
    uint8_t dir;
    bool is_error;
    const char *what;
};

/* Parses what stands behind the stamp into the store. */
enum canp_asc_verdict canp_asc_frame(struct canp_text text, bool is_decimal, union canp_log_store *store,
                                     struct canp_asc_line *line);

/* `Sat Sep 30 10:06:13.191 pm 2017`, English or German, and `Thu, 09 Nov 2023 20:36:33 GMT`. 0 or
 * -CANP_E_SYNTAX. */
int canp_asc_date(struct canp_text text, int64_t *time_ns);

/* Bytes of a CAN FD frame with this DLC, 0 to 15; and the lowest DLC that holds so many bytes. */
extern const uint8_t canp_fd_bytes[16];
uint8_t canp_fd_dlc(unsigned bytes);

/* The SJA1000's error code capture register, as its driver puts it into an error frame of 8 zeros. */
void canp_asc_error_code(struct canp_frame *frame, uint32_t ecc);

/* canp_format_asc's writer. */
struct canp_asc_writing {
    int64_t start_ns; /* of the block that is open */
    bool has_begun;
};
int canp_asc_write(struct canp_log_writer *writer, const struct canp_record *record);
int canp_asc_finish(struct canp_log_writer *writer);

#endif
