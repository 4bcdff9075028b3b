/* canp repair: copies all that is intact into a new recording; each damaged place becomes a gap. */
#include <canp/reader.h>
#include <canp/writer.h>

#include <stdio.h>

#include "lib/commands.h"
#include "lib/damage.h"
#include "lib/opts.h"
#include "lib/text.h"

struct repair {
    const char *output;
    struct canp_writer *writer;
    int error; /* of writing a gap, from inside a callback */
    unsigned places;
    uint64_t records;
};

/* A gap stands where the damage was; it counts the frames that the damaged blocks' headers still name. */
static void on_damage(void *user, const struct canp_damage *damage)
{
    struct repair *r = user;
    int64_t from_ns = damage->from_ns == INT64_MIN ? damage->to_ns : damage->from_ns;
    int64_t to_ns = damage->to_ns == INT64_MAX ? from_ns : damage->to_ns;
    struct canp_gap gap = {.layer = CANP_LAYER_STORE,
                           .bytes = sizeof(gap),
                           .lost = damage->frames,
                           .from_ns = from_ns == INT64_MAX ? 0 : from_ns,
                           .to_ns = to_ns == INT64_MAX ? 0 : to_ns};
    struct canp_record record = {.time_ns = gap.to_ns, .kind = CANP_KIND_GAP, .gap = &gap};
    damage_print(stderr, damage);
    int error = canp_writer_put(r->writer, &record);
    if (error < 0 && r->error == 0)
        r->error = error;
    r->places++;
}

static int copy_all(struct canp_reader *reader, struct repair *repair)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_cursor *cursor;
    struct canp_record record;
    opts.on_damage = on_damage;
    opts.user = repair;
    int r = canp_cursor_open(reader, &opts, &cursor);
    if (r < 0)
        return r;
    while (repair->error == 0 && (r = canp_cursor_next(cursor, &record)) == 1) {
        if (record.kind == CANP_KIND_IFACE)
            r = canp_writer_add_iface(repair->writer, record.channel, record.iface, record.time_ns);
        else
            r = canp_writer_put(repair->writer, &record);
        if (r < 0)
            break;
        repair->records++;
    }
    canp_cursor_close(cursor);
    return r < 0 ? r : repair->error;
}

/* The channels' names go first: their record may be among what is damaged. */
static int copy_names(struct canp_reader *reader, struct canp_writer *writer)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < canp_reader_iface_count(reader); i++) {
        const struct canp_iface *iface = canp_reader_iface(reader, (uint8_t)i);
        struct canp_iface unknown = {.bytes = sizeof(unknown), .name = "?"};
        r = canp_writer_add_iface(writer, (uint8_t)i, iface ? iface : &unknown, 0);
    }
    return r;
}

static int repair_into(struct canp_reader *reader, struct repair *repair)
{
    struct canp_why why;
    int r = canp_writer_open(repair->output, NULL, &repair->writer, &why);
    if (r < 0)
        return opts_fail("repair", CANP_EXIT_ENVIRONMENT, "%s", why.text);
    r = copy_names(reader, repair->writer);
    if (r == 0)
        r = copy_all(reader, repair);
    int finished = canp_writer_finish(repair->writer);
    canp_writer_close(repair->writer);
    if (r < 0 || finished < 0)
        return opts_fail("repair", CANP_EXIT_ENVIRONMENT, "copying into %s failed: %s", repair->output,
                         canp_strerror(r < 0 ? r : finished));
    return CANP_EXIT_DONE;
}

int canp_cmd_repair(int argc, char **argv)
{
    struct repair repair = {0};
    const struct opt options[] = {
        {'o', "output", OPT_TEXT, &repair.output, "NEW", "directory of the new recording"}, {0}};
    const struct opt_spec spec = {
        "repair", "RECORDING -o NEW",
        "Copies all that is intact into a new recording; damaged places become gaps.", options, NULL};
    struct canp_reader *reader;
    struct canp_why why;
    char count[TEXT_BYTES];
    int n = opts_parse(&spec, argc, argv);
    if (n < 0)
        return OPTS_EXIT(n);
    if (n != 1 || !repair.output)
        return opts_fail("repair", CANP_EXIT_USAGE,
                         "expected RECORDING -o NEW; `canp repair --help` says more");
    int r = canp_reader_open(argv[1], &reader, &why);
    if (r < 0)
        return opts_fail("repair", CANP_EXIT_ENVIRONMENT, "%s", why.text);
    int status = repair_into(reader, &repair);
    canp_reader_close(reader);
    if (status == CANP_EXIT_DONE)
        printf("%s records copied into %s; %u damaged places became gaps\n",
               text_count(count, repair.records), SAFE(repair.output), repair.places);
    return status;
}
