/*
 * Fuzz target: anything as the messages of a vehicle. Input: u16 size and that many bytes, again and again.
 * Each message goes to a store as it is, and once with its checksum and recording put right, because neither
 * safety nor what is stored may rest on what anyone can compute. Then everything that was stored must be
 * sound, and a store that is opened again must find nothing new in the same messages.
 */
#include <errno.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <canp/blocks.h>
#include <canp/reader.h>

#include "blocks/message.h" /* engine's own: the layout and the checksum */

#define MESSAGES_MAX 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t recording[16] = {1, 2, 3};
static char dir[64];

static void must(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_blocks: %s\n", what);
    abort();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static struct canp_block_store *open_store(void)
{
    struct canp_block_store_opts opts = CANP_BLOCK_STORE_OPTS_INIT;
    struct canp_block_store *store;
    opts.hold_bytes = 20000;
    opts.vehicle_bytes = 4 << 20;
    must(canp_block_store_open(dir, &opts, &store, NULL) == 0, "the store does not open");
    return store;
}

static void put(struct canp_block_store *store, uint64_t number, const uint8_t *data, size_t size)
{
    struct message_head head;
    int r = canp_block_store_put(store, "car", recording, number, data, size, NULL);
    must(r >= 0 || r <= -CANP_E_FORMAT || r == -EINVAL, "a message makes a system call fail");
    uint8_t *copy = malloc(size ? size : 1);
    must(copy != NULL, "no memory");
    if (size)
        memcpy(copy, data, size);
    if (size >= sizeof(head)) {
        memcpy(&head, copy, sizeof(head));
        head.magic = MESSAGE_MAGIC;
        memcpy(head.recording, recording, sizeof(recording));
        head.segment = 1 + head.segment % 16; /* or most of the time goes into files of missing segments */
        memcpy(copy, &head, sizeof(head));
        canp_message_finish(copy, size);
        r = canp_block_store_put(store, "car", recording, number, copy, size, NULL);
        must(r >= 0 || r <= -CANP_E_FORMAT, "a message put right makes a system call fail");
    }
    free(copy);
}

static void put_all(struct canp_block_store *store, const uint8_t *data, size_t size)
{
    for (unsigned n = 0; n < MESSAGES_MAX && size >= 2; n++) {
        size_t bytes = (size_t)data[0] | (size_t)data[1] << 8;
        data += 2;
        size -= 2;
        bytes = bytes < size ? bytes : size;
        put(store, n + 1, data, bytes);
        data += bytes;
        size -= bytes;
    }
}

static void check_stored(void)
{
    struct canp_cursor_opts opts = CANP_CURSOR_OPTS_INIT;
    struct canp_reader *reader;
    struct canp_cursor *c;
    struct canp_record r;
    char path[160];
    snprintf(path, sizeof(path), "%s/car/01020300000000000000000000000000", dir);
    int opened = canp_reader_open(path, &reader, NULL);
    if (opened == -ENOENT || opened == -CANP_E_EMPTY)
        return;
    must(opened == 0, "what was stored does not open");
    opts.thorough = true;
    must(canp_cursor_open(reader, &opts, &c) == 0, "no cursor");
    while (canp_cursor_next(c, &r) == 1)
        ;
    must(canp_cursor_damaged(c) == 0, "what was stored is damaged");
    canp_cursor_close(c);
    canp_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct canp_block_store_stats stats;
    snprintf(dir, sizeof(dir), "%s/canp-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    must(mkdtemp(dir) != NULL, "no directory");
    struct canp_block_store *store = open_store();
    put_all(store, data, size);
    must(canp_block_store_settle(store) >= 0, "it cannot be settled");
    must(canp_block_store_sync(store) == 0, "it cannot be synced");
    must(canp_block_store_safe(store) == UINT64_MAX, "something waits after settling");
    canp_block_store_close(store);
    check_stored();
    store = open_store();
    put_all(store, data, size);
    canp_block_store_settle(store);
    canp_block_store_stats(store, &stats);
    canp_block_store_close(store);
    check_stored();
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}
