/*
 * Copies a log of any format into one of another, and prints what the target could not hold: what tests of
 * formats need of `canp convert`. usage: convert_log IN OUT [FORMAT [MAP]]
 */
#include <stdio.h>

#include <canp/log.h>

static void print_losses(const struct canp_log_writer *writer)
{
    struct canp_log_write_stats s;
    canp_log_writer_stats(writer, &s);
    for (unsigned i = 0; i < CANP_LOG_LOSS_COUNT; i++) {
        if (s.losses[i])
            printf("lost %llu %s\n", (unsigned long long)s.losses[i], canp_log_loss_words(i));
    }
}

int main(int argc, char **argv)
{
    struct canp_log_write_opts opts = {.size = sizeof(opts), .map = argc > 4 ? argv[4] : NULL};
    struct canp_log_reader *reader;
    struct canp_log_writer *writer;
    struct canp_why why = {{0}};
    if (argc < 3)
        return 2;
    if (canp_log_open(argv[1], NULL, &reader, &why) < 0) {
        printf("%s\n", why.text);
        return 3;
    }
    int r = canp_log_writer_open(argv[2], argc > 3 ? argv[3] : NULL, &opts, &writer, &why);
    if (r == 0) {
        r = canp_log_copy(reader, writer, NULL, NULL, &why);
        print_losses(writer);
        int finished = canp_log_finish(writer, r < 0 ? NULL : &why);
        r = r < 0 ? r : finished;
    }
    if (r < 0)
        printf("%s\n", why.text);
    canp_log_close(reader);
    return r < 0 ? 3 : 0;
}
