/*
 * What Wireshark 4.0 keeps of a file that it reads: struct wtap, of which its headers for plug-ins only say
 * that it exists. A plug-in that reads files has to set some of its fields. Wireshark loads a plug-in only
 * into the release it was made for (plugin_want_major and _minor), within which this struct does not change;
 * the build refuses other releases, and the fields that can be asked for are compared when a file is opened.
 */
#ifndef CANP_WIRESHARK_WIRETAP_4_0_H
#define CANP_WIRESHARK_WIRETAP_4_0_H

#include <stddef.h>
#include <wiretap/wtap.h>

struct wtap {
    FILE_T fh;
    FILE_T random_fh;
    gboolean is_pipe;
    int file_type_subtype;
    guint snapshot_length;
    GArray *sections;
    GArray *interfaces; /* of wtap_block_t */
    guint next_interface;
    GArray *names;
    GArray *secrets;
    char *pathname;
    void *priv; /* freed by Wireshark, with g_free() */
    void *lua;
    gboolean (*read)(struct wtap *file, wtap_rec *rec, Buffer *buf, int *error, gchar **why, gint64 *offset);
    gboolean (*seek_read)(struct wtap *file, gint64 offset, wtap_rec *rec, Buffer *buf, int *error,
                          gchar **why);
    void (*sequential_close)(struct wtap *file);
    void (*close)(struct wtap *file);
    int encapsulation;
    int precision;
    /* and more, which only Wireshark uses */
};

/* Of wiretap/file_wrappers.h, which needs a header that is not installed. Bytes read, or -1. */
int file_read(void *buf, unsigned int count, FILE_T file);

#ifdef __LP64__
_Static_assert(offsetof(struct wtap, pathname) == 72, "as in Wireshark 4.0");
_Static_assert(offsetof(struct wtap, encapsulation) == 128, "as in Wireshark 4.0");
#endif

#endif
