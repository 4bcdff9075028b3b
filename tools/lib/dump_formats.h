/* The formats of canp dump: each writes one record as lines of text. Main thread; no state. */
#ifndef CANP_TOOLS_DUMP_FORMATS_H
#define CANP_TOOLS_DUMP_FORMATS_H

#include <canp/candump.h>

/* Room a format may use for one record: a text of 2 KiB, each of its bytes six in JSON. */
#define DUMP_LINE_BYTES 16384

struct dump_format {
    const char *name;
    const char *header; /* printed first, or NULL */
    /* Returns the bytes written, 0 for a record that this format does not show. `style` as for
     * canp_candump_format(). */
    size_t (*write)(const struct canp_record *record, const char *iface, unsigned style, char *out);
};

/* NULL for an unknown name. */
const struct dump_format *dump_format_find(const char *name);

#endif
