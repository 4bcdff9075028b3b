/*
 * Prints, as a table in Markdown, what each format keeps of each feature: written between two plain frames
 * and read back, it is the same (kept), another (degraded), written for people alone (as text) or not there
 * (lost). Status 1 when something was degraded or lost and the writer did not count it: nothing is lost
 * unsaid. usage: loss_table DIRECTORY
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/log.h>

#include "body.h"

#define START_NS INT64_C(1700000000000000000)
#define STEP_NS  INT64_C(1000000)
#define FIRST_ID 0x7F0
#define LAST_ID  0x7F1

enum verdict { KEPT, DEGRADED, AS_TEXT, LOST };
static const char *const verdict_words[] = {"kept", "degraded", "as text", "lost"};

/* What was read back. */
struct back {
    bool is_there;
    struct canp_record record; /* between the two frames; lends from body */
    int64_t first_ns;          /* of the first plain frame */
    struct canp_iface iface;
    union {
        struct canp_event event;
        uint8_t bytes[2200];
    } body;
};

/* Where a feature's record is built, and what it is compared with. */
struct probe {
    struct canp_record record;
    struct canp_iface iface;
    union {
        struct canp_frame frame;
        struct canp_xl_frame xl;
        struct canp_gap gap;
        struct canp_link_event link;
        struct canp_event event;
        uint8_t bytes[2200];
    } body;
};

struct feature {
    const char *name;
    void (*make)(struct probe *probe);
    bool (*is_same)(const struct probe *probe, const struct back *back); /* NULL: the record's bytes */
};

/* ---- the features ---------------------------------------------------------------------------------- */

static struct canp_frame *make_frame(struct probe *p, uint8_t kind, uint32_t id, uint8_t len)
{
    p->record.kind = kind;
    p->body.frame = (struct canp_frame){.id = id, .len = len};
    for (uint8_t i = 0; i < len; i++)
        p->body.bytes[sizeof(struct canp_frame) + i] = (uint8_t)(0x10 + i);
    return &p->body.frame;
}

static void make_plain(struct probe *p)
{
    make_frame(p, CANP_KIND_CAN, 0x123, 8);
}

static void make_extended(struct probe *p)
{
    make_frame(p, CANP_KIND_CAN, 0x18FEF100 | CANP_ID_EFF, 3);
}

static void make_remote(struct probe *p)
{
    make_frame(p, CANP_KIND_CAN, 0x123 | CANP_ID_RTR, 0);
}

static void make_remote_length(struct probe *p)
{
    make_frame(p, CANP_KIND_CAN, 0x123 | CANP_ID_RTR, 0)->len = 5;
}

static void make_fd(struct probe *p)
{
    make_frame(p, CANP_KIND_FD, 0x123, 64)->flags = CANP_FD_FDF;
}

static void make_short_fd(struct probe *p)
{
    make_frame(p, CANP_KIND_FD, 0x123, 8)->flags = CANP_FD_FDF | CANP_FD_BRS | CANP_FD_ESI;
}

static void make_xl(struct probe *p)
{
    p->record.kind = CANP_KIND_XL;
    p->body.xl = (struct canp_xl_frame){
        .prio = 0x123 | 0x42 << 16, .flags = 0x81, .sdt = 3, .len = 200, .af = 0xDEADBEEF};
    memset(p->body.bytes + sizeof(struct canp_xl_frame), 0x5A, 200);
}

static void make_error(struct probe *p)
{
    make_frame(p, CANP_KIND_CAN, CANP_ID_ERR | 0x8C, 8);
}

static void make_raw_dlc(struct probe *p)
{
    make_frame(p, CANP_KIND_CAN, 0x123, 8)->len8_dlc = 13;
}

static void make_sent(struct probe *p)
{
    make_plain(p);
    p->record.dir = CANP_DIR_TX;
}

static void make_nanos(struct probe *p)
{
    make_plain(p);
    p->record.time_ns += 123456;
}

static void make_hw_time(struct probe *p)
{
    make_plain(p);
    p->record.has_hw_time = true;
    p->record.hw_time_ns = 987654321;
}

static void make_named(struct probe *p)
{
    make_plain(p);
    strcpy(p->iface.name, "engine");
}

static void make_bitrate(struct probe *p)
{
    make_plain(p);
    p->iface.bitrate = 250000;
}

static void make_gap(struct probe *p)
{
    p->record.kind = CANP_KIND_GAP;
    p->body.gap = (struct canp_gap){.layer = CANP_LAYER_DEVICE,
                                    .bytes = sizeof(struct canp_gap),
                                    .lost = 17,
                                    .from_ns = START_NS + STEP_NS / 2,
                                    .to_ns = p->record.time_ns};
}

static void make_link(struct probe *p)
{
    p->record.kind = CANP_KIND_LINK;
    p->body.link = (struct canp_link_event){.code = 2,
                                            .bytes = sizeof(struct canp_link_event),
                                            .name = "can7",
                                            .state = 2,
                                            .tx_errors = 3,
                                            .rx_errors = 200};
}

static void make_mark(struct probe *p)
{
    static const char text[] = "driver=somebody";
    p->record.kind = CANP_KIND_MARK;
    p->body.event.bytes = (uint16_t)(sizeof(p->body.event) + sizeof(text) - 1);
    memcpy(p->body.bytes + sizeof(p->body.event), text, sizeof(text) - 1);
}

static bool is_direction_same(const struct probe *p, const struct back *b)
{
    return b->record.dir == p->record.dir;
}

static bool is_time_same(const struct probe *p, const struct back *b)
{
    return b->record.time_ns == p->record.time_ns;
}

static bool is_epoch_same(const struct probe *p, const struct back *b)
{
    (void)p;
    return b->first_ns == START_NS;
}

static bool is_hw_time_same(const struct probe *p, const struct back *b)
{
    return b->record.has_hw_time && b->record.hw_time_ns == p->record.hw_time_ns;
}

static bool is_name_same(const struct probe *p, const struct back *b)
{
    return strcmp(b->iface.name, p->iface.name) == 0;
}

static bool is_bitrate_same(const struct probe *p, const struct back *b)
{
    return b->iface.bitrate == p->iface.bitrate;
}

static const struct feature features[] = {
    {"classic frames", make_plain, NULL},
    {"29-bit IDs", make_extended, NULL},
    {"remote frames", make_remote, NULL},
    {"lengths of remote frames", make_remote_length, NULL},
    {"CAN FD frames", make_fd, NULL},
    {"BRS, ESI", make_short_fd, NULL},
    {"CAN XL frames", make_xl, NULL},
    {"error frames", make_error, NULL},
    {"raw DLC", make_raw_dlc, NULL},
    {"direction", make_sent, is_direction_same},
    {"nanoseconds", make_nanos, is_time_same},
    {"absolute time", make_plain, is_epoch_same},
    {"hardware stamps", make_hw_time, is_hw_time_same},
    {"interface names", make_named, is_name_same},
    {"bit rates", make_bitrate, is_bitrate_same},
    {"gaps", make_gap, NULL},
    {"link events", make_link, NULL},
    {"notes and marks", make_mark, NULL},
};
#define FEATURES (sizeof(features) / sizeof(features[0]))

/* ---- written and read back ---------------------------------------------------------------------------- */

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(3);
}

static void put_plain(struct canp_log_writer *w, uint32_t id, int64_t time_ns)
{
    union canp_frame_store f = {.frame = {.id = id, .len = 1}};
    struct canp_record record = {.time_ns = time_ns, .frame = &f.frame};
    if (canp_log_write(w, &record) < 0)
        fail("a plain frame cannot be written");
}

/* How much the writer says was lost. */
static uint64_t write_file(const char *path, const char *format, unsigned style, const struct probe *p)
{
    struct canp_log_write_opts opts = {.size = sizeof(opts), .style = style};
    struct canp_record iface = {.time_ns = START_NS, .kind = CANP_KIND_IFACE, .iface = &p->iface};
    struct canp_log_write_stats stats;
    struct canp_log_writer *w;
    struct canp_why why;
    uint64_t said = 0;
    if (canp_log_writer_open(path, format, &opts, &w, &why) < 0)
        fail(why.text);
    if (canp_log_write(w, &iface) < 0)
        fail("an interface cannot be defined");
    put_plain(w, FIRST_ID, START_NS);
    if (canp_log_write(w, &p->record) < 0)
        fail("a record cannot be written");
    put_plain(w, LAST_ID, START_NS + 2 * STEP_NS);
    canp_log_writer_stats(w, &stats);
    for (unsigned i = 0; i < CANP_LOG_LOSS_COUNT; i++)
        said += stats.losses[i];
    if (canp_log_finish(w, &why) < 0)
        fail(why.text);
    return said;
}

static bool is_plain(const struct canp_record *r, uint32_t id)
{
    return r->kind == CANP_KIND_CAN && r->frame->id == id;
}

static void take(struct back *b, const struct canp_record *record)
{
    if (is_plain(record, FIRST_ID)) {
        b->first_ns = record->time_ns;
        return;
    }
    if (is_plain(record, LAST_ID) || record->kind == CANP_KIND_IFACE || record->kind == CANP_KIND_CLOCK)
        return;
    b->is_there = true;
    b->record = *record;
    memcpy(b->body.bytes, record->event, test_body_bytes(record));
    b->record.event = &b->body.event;
}

static void read_file(const char *path, const char *format, struct back *b)
{
    struct canp_log_read_opts opts = {.size = sizeof(opts), .format = format};
    struct canp_log_reader *reader;
    struct canp_record record;
    struct canp_why why;
    if (canp_log_open(path, &opts, &reader, &why) < 0)
        fail(why.text);
    while (canp_log_next(reader, &record) == 1)
        take(b, &record);
    if (canp_log_iface(reader, 0))
        b->iface = *canp_log_iface(reader, 0);
    canp_log_close(reader);
}

static enum verdict judge(const struct feature *f, const struct probe *p, const struct back *b)
{
    if (f->is_same)
        return f->is_same(p, b) ? KEPT : LOST;
    if (!b->is_there)
        return LOST;
    bool is_same = b->record.kind == p->record.kind &&
                   test_body_bytes(&b->record) == test_body_bytes(&p->record) &&
                   memcmp(b->body.bytes, p->body.bytes, test_body_bytes(&p->record)) == 0;
    return is_same ? KEPT : DEGRADED;
}

/* Says the format that such a record stands in the file, which it does not read back? */
static bool writes_text_of(const char *format, uint8_t kind)
{
    const struct canp_log_format_info *info = canp_log_format_named(format);
    uint32_t needed = kind == CANP_KIND_LINK ? CANP_LOG_LINKS : kind == CANP_KIND_MARK ? CANP_LOG_MARKS : 0;
    return (info->writes & needed) != 0 && (info->reads & needed) == 0;
}

/* Sets *is_unsaid where something is not kept and the writer is silent about it. */
static enum verdict try_one(const char *dir, const char *format, unsigned style, const struct feature *f,
                            bool *is_unsaid)
{
    static struct probe p;
    static struct back b;
    char path[300], command[400];
    snprintf(path, sizeof(path), "%s/one.%s", dir, format);
    p = (struct probe){.record = {.time_ns = START_NS + STEP_NS},
                       .iface = {.bytes = sizeof(p.iface), .mtu = 72, .name = "can0"}};
    p.record.event = &p.body.event;
    b = (struct back){0};
    f->make(&p);
    uint64_t said = write_file(path, format, style, &p);
    read_file(path, format, &b);
    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    if (system(command) != 0)
        fail("cannot remove it");
    enum verdict verdict = judge(f, &p, &b);
    if (verdict == LOST && said == 0 && !f->is_same && writes_text_of(format, p.record.kind))
        verdict = AS_TEXT;
    *is_unsaid = verdict != KEPT && verdict != AS_TEXT && said == 0;
    return verdict;
}

/* ---- the table -------------------------------------------------------------------------------------- */

struct column {
    const char *title, *format;
    unsigned style;
};

static unsigned find_columns(struct column *columns, unsigned most)
{
    const struct canp_log_format_info *info;
    unsigned count = 0;
    for (unsigned i = 0; (info = canp_log_format_at(i)) != NULL && count + 1 < most; i++) {
        if (!info->reads || !info->writes)
            continue;
        columns[count++] = (struct column){info->name, info->name, 0};
        if (strcmp(info->name, "candump") == 0)
            columns[count++] =
                (struct column){"candump -x --events", "candump", CANP_LOG_EVENTS | CANP_LOG_DIRECTION};
    }
    return count;
}

int main(int argc, char **argv)
{
    struct column columns[32];
    int status = 0;
    if (argc != 2)
        return 2;
    unsigned count = find_columns(columns, 32);
    printf("| |");
    for (unsigned c = 0; c < count; c++)
        printf(" %s |", columns[c].title);
    printf("\n|---|");
    for (unsigned c = 0; c < count; c++)
        printf("---|");
    putchar('\n');
    for (size_t i = 0; i < FEATURES; i++) {
        printf("| %s |", features[i].name);
        for (unsigned c = 0; c < count; c++) {
            bool is_unsaid;
            enum verdict v = try_one(argv[1], columns[c].format, columns[c].style, &features[i], &is_unsaid);
            printf(" %s |", verdict_words[v]);
            if (is_unsaid) {
                fprintf(stderr, "%s: %s: %s, and not said\n", columns[c].title, features[i].name,
                        verdict_words[v]);
                status = 1;
            }
        }
        putchar('\n');
    }
    return status;
}
