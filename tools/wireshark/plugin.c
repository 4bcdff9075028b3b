/*
 * canp.so: Wireshark opens recordings of canp. A segment is a file; the first one of a directory stands for
 * the whole recording. libcanp reads it, packed or not, also while it grows or is damaged.
 *
 * Invariant: a packet's offset, by which Wireshark asks for it again, is the number of its first record
 * (walk.h). Wireshark calls from one thread at a time.
 */
#include <errno.h>
#include <string.h>

#include <canp/pools/mapped.h>
#include <canp/reader.h>

#include "wireshark/packet.h"
#include "wireshark/walk.h"
#include "wireshark/wiretap_4_0.h"

#define MAGIC                                                                                                \
    "\x89"                                                                                                   \
    "CANP\r\n\x1a"
#define MAGIC_BYTES 8
#define NO_IFACE    G_MAXUINT32

/* How Wireshark finds a plug-in, and which release it is for. */
extern const gchar plugin_version[];
extern const int plugin_want_major, plugin_want_minor;
void plugin_register(void);

__attribute__((visibility("default"))) const gchar plugin_version[] = CANP_PLUGIN_VERSION;
__attribute__((visibility("default"))) const int plugin_want_major = WIRESHARK_MAJOR;
__attribute__((visibility("default"))) const int plugin_want_minor = WIRESHARK_MINOR;

static int canp_file_type;

struct recording {
    struct canp_reader *reader;
    struct walk in_order, anywhere;
    GArray *marks;
    guint32 ifaces[256]; /* Wireshark's number of a channel's interface */
};

/* ---- interfaces ------------------------------------------------------------------------------------ */

static const char *name_of(const struct recording *of, guint8 channel)
{
    const struct canp_iface *iface = canp_reader_iface(of->reader, channel);
    return iface && iface->name[0] ? iface->name : "unnamed";
}

/* Wireshark's number of a channel's interface; a new one is described to it. */
static guint32 iface_of(struct wtap *file, guint8 channel)
{
    struct recording *of = file->priv;
    if (of->ifaces[channel] != NO_IFACE)
        return of->ifaces[channel];
    const struct canp_iface *iface = canp_reader_iface(of->reader, channel);
    wtap_block_t block = wtap_block_create(WTAP_BLOCK_IF_ID_AND_INFO);
    wtapng_if_descr_mandatory_t *about = wtap_block_get_mandatory_data(block);
    about->wtap_encap = WTAP_ENCAP_SOCKETCAN;
    about->time_units_per_second = 1000000000;
    about->tsprecision = WTAP_TSPREC_NSEC;
    const char *name = name_of(of, channel);
    wtap_block_add_string_option(block, OPT_IDB_NAME, name, strnlen(name, CANP_IFACE_NAME_BYTES));
    wtap_block_add_uint8_option(block, OPT_IDB_TSRESOL, 9);
    if (iface && iface->bitrate)
        wtap_block_add_uint64_option(block, OPT_IDB_SPEED, iface->bitrate);
    g_array_append_val(file->interfaces, block);
    return of->ifaces[channel] = file->interfaces->len - 1;
}

/* ---- packets --------------------------------------------------------------------------------------- */

static void describe(struct wtap *file, wtap_rec *rec, const struct canp_record *record, guint32 bytes)
{
    rec->rec_type = REC_TYPE_PACKET;
    rec->presence_flags = WTAP_HAS_TS | WTAP_HAS_CAP_LEN | WTAP_HAS_INTERFACE_ID;
    rec->ts.secs = (time_t)(record->time_ns / 1000000000);
    rec->ts.nsecs = (int)(record->time_ns % 1000000000);
    if (rec->ts.nsecs < 0) {
        rec->ts.nsecs += 1000000000;
        rec->ts.secs--;
    }
    rec->tsprec = WTAP_TSPREC_NSEC;
    rec->rec_header.packet_header.caplen = rec->rec_header.packet_header.len = bytes;
    rec->rec_header.packet_header.pkt_encap = WTAP_ENCAP_SOCKETCAN;
    rec->rec_header.packet_header.interface_id = iface_of(file, record->channel);
}

static void put_damage(wtap_block_t block, guint64 blocks)
{
    if (blocks)
        wtap_block_add_string_option_format(
            block, OPT_COMMENT,
            "canp damage: %" G_GUINT64_FORMAT " blocks of the recording could not be read here", blocks);
}

/* The next packet of a walk: 1, 0 at the end, or a negative error. What stands behind the last frame has none
 * to belong to. */
static int read_packet(struct wtap *file, struct walk *walk, wtap_rec *rec, Buffer *buf)
{
    struct canp_record record;
    guint64 lost = 0;
    int r;
    wtap_block_t block = wtap_block_create(WTAP_BLOCK_PACKET);
    while ((r = walk_next(walk, &record)) == 1) {
        put_damage(block, walk->damaged_blocks);
        lost += walk->damaged_frames;
        if (canp_kind_is_frame(record.kind))
            break;
        packet_put_event(block, &record, name_of(file->priv, record.channel), &lost);
    }
    if (r != 1) {
        wtap_block_unref(block);
        return r;
    }
    wtap_block_add_uint32_option(block, OPT_PKT_FLAGS,
                                 record.dir == CANP_DIR_RX ? PACK_FLAGS_DIRECTION_INBOUND
                                                           : PACK_FLAGS_DIRECTION_OUTBOUND);
    if (lost)
        wtap_block_add_uint64_option(block, OPT_PKT_DROPCOUNT, lost);
    describe(file, rec, &record, packet_put_frame(buf, &record));
    rec->block = block;
    return 1;
}

static gboolean tell(int r, int *error, gchar **why)
{
    if (r == 1)
        return TRUE;
    *error = 0;
    if (r < 0) {
        *error = WTAP_ERR_BAD_FILE;
        *why = g_strdup_printf("canp: %s", canp_strerror(r));
    }
    return FALSE;
}

static gboolean read_next(struct wtap *file, wtap_rec *rec, Buffer *buf, int *error, gchar **why,
                          gint64 *offset)
{
    struct recording *of = file->priv;
    *offset = (gint64)of->in_order.next;
    return tell(read_packet(file, &of->in_order, rec, buf), error, why);
}

static gboolean read_at(struct wtap *file, gint64 offset, wtap_rec *rec, Buffer *buf, int *error, gchar **why)
{
    struct recording *of = file->priv;
    int r = walk_to(&of->anywhere, (guint64)offset);
    if (r == 0)
        r = read_packet(file, &of->anywhere, rec, buf);
    if (r == 0)
        r = -ENOENT; /* it was there */
    return tell(r, error, why);
}

/* ---- files ----------------------------------------------------------------------------------------- */

/* A segment's number by its name; 0: it is none of a recording's. */
static guint64 number_of(const char *name)
{
    gsize digits = strspn(name, "0123456789");
    return digits >= 8 && digits <= 19 && strcmp(name + digits, ".canp") == 0
               ? g_ascii_strtoull(name, NULL, 10)
               : 0;
}

/* The directory, when the file is the first segment of it; else the file. To be freed. */
static gchar *recording_of(const char *path)
{
    gchar *directory = g_path_get_dirname(path), *name = g_path_get_basename(path);
    guint64 number = number_of(name);
    GDir *dir = number ? g_dir_open(directory, 0, NULL) : NULL;
    bool is_first = dir != NULL;
    for (const gchar *other; dir && is_first && (other = g_dir_read_name(dir)) != NULL;)
        is_first = !number_of(other) || number_of(other) >= number;
    if (dir)
        g_dir_close(dir);
    g_free(name);
    if (is_first)
        return directory;
    g_free(directory);
    return g_strdup(path);
}

static void close_recording(struct wtap *file)
{
    struct recording *of = file->priv;
    walk_close(&of->in_order);
    walk_close(&of->anywhere);
    canp_reader_close(of->reader);
    g_array_free(of->marks, TRUE);
}

static int open_recording(struct recording *of, const char *path, struct canp_why *why)
{
    gchar *chosen = recording_of(path);
    memset(of->ifaces, 0xFF, sizeof(of->ifaces));
    of->marks = g_array_new(FALSE, FALSE, sizeof(struct walk_mark));
    int r = canp_reader_open(chosen, &of->reader, why);
    g_free(chosen);
    if (r == 0)
        r = walk_open(&of->in_order, of->reader, of->marks, true);
    if (r == 0)
        r = walk_open(&of->anywhere, of->reader, of->marks, false);
    return r;
}

/* Is struct wtap what wiretap_4_0.h says? */
static bool is_known_layout(struct wtap *file)
{
    file->encapsulation = WTAP_ENCAP_SOCKETCAN;
    file->precision = WTAP_TSPREC_NSEC;
    file->file_type_subtype = canp_file_type;
    return wtap_file_encap(file) == WTAP_ENCAP_SOCKETCAN && wtap_file_tsprec(file) == WTAP_TSPREC_NSEC &&
           wtap_file_type_subtype(file) == canp_file_type;
}

static wtap_open_return_val open_file(struct wtap *file, int *error, char **why)
{
    guint8 magic[MAGIC_BYTES];
    struct canp_why reason = {""};
    if (file_read(magic, sizeof(magic), file->fh) != (int)sizeof(magic) ||
        memcmp(magic, MAGIC, sizeof(magic)) != 0 || file->is_pipe)
        return WTAP_OPEN_NOT_MINE;
    if (!is_known_layout(file)) {
        *error = WTAP_ERR_UNSUPPORTED;
        *why = g_strdup("canp: this release of Wireshark is not the one that the plug-in was built for");
        return WTAP_OPEN_ERROR;
    }
    struct recording *of = g_new0(struct recording, 1);
    file->priv = of;
    int r = open_recording(of, file->pathname, &reason);
    if (r < 0) {
        close_recording(file);
        file->priv = NULL;
        g_free(of);
        *error = WTAP_ERR_BAD_FILE;
        *why = g_strdup_printf("canp: %s", reason.text[0] ? reason.text : canp_strerror(r));
        return WTAP_OPEN_ERROR;
    }
    for (unsigned i = 0; i < 256; i++) {
        if (canp_reader_iface(of->reader, (guint8)i))
            iface_of(file, (guint8)i);
    }
    file->snapshot_length = 0;
    file->read = read_next;
    file->seek_read = read_at;
    file->close = close_recording;
    return WTAP_OPEN_MINE;
}

static void register_file_type(void)
{
    static const struct supported_option_type packet_options[] = {
        {OPT_COMMENT, MULTIPLE_OPTIONS_SUPPORTED},
        {OPT_PKT_FLAGS, ONE_OPTION_SUPPORTED},
        {OPT_PKT_DROPCOUNT, ONE_OPTION_SUPPORTED},
    };
    static const struct supported_block_type blocks[] = {
        {WTAP_BLOCK_IF_ID_AND_INFO, MULTIPLE_BLOCKS_SUPPORTED, 0, NULL},
        {WTAP_BLOCK_PACKET, MULTIPLE_BLOCKS_SUPPORTED, G_N_ELEMENTS(packet_options), packet_options},
    };
    static const struct file_type_subtype_info type = {
        .description = "canp recording",
        .name = "canp",
        .default_file_extension = "canp",
        .num_supported_blocks = G_N_ELEMENTS(blocks),
        .supported_blocks = blocks,
    };
    static struct open_info how = {"canp recording", OPEN_INFO_MAGIC, open_file, "canp", NULL, NULL};
    canp_file_type = wtap_register_file_type_subtype(&type);
    wtap_register_open_info(&how, FALSE);
    canp_sigbus_guard_install(); /* a file that is cut while it is read is an error, not the end of Wireshark
                                  */
}

__attribute__((visibility("default"))) void plugin_register(void)
{
    static wtap_plugin plugin = {register_file_type};
    wtap_register_plugin(&plugin);
}
