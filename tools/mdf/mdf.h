/*
 * Writes a measurement file of ASAM MDF 4.11: groups of channels, each with a channel of time, sorted (a data
 * group for each), in blocks that deflate packs where zlib was built in. What is scaled stays raw in the
 * file, with its conversion. A value that a row does not have is marked by its invalidation bit.
 *
 * A file gets its header at the end and is called unfinished until then; for a pipe, all is gathered in a
 * temporary file first. Memory is bounded by the number of groups (64 KiB each). One thread.
 */
#ifndef CANP_TOOLS_MDF_H
#define CANP_TOOLS_MDF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct mdf;

enum mdf_type {
    MDF_UNSIGNED,
    MDF_SIGNED,
    MDF_FLOAT, /* of 4 or 8 bytes */
    MDF_TEXT,  /* UTF-8, with zeros behind it */
    MDF_BYTES,
};

/* A text that stands for a raw value. */
struct mdf_word {
    int64_t value;
    const char *text;
};

struct mdf_channel {
    const char *name, *unit, *comment; /* UTF-8; NULL: none */
    enum mdf_type type;
    uint32_t bytes;        /* of a number 1, 2, 4 or 8 */
    double factor, offset; /* of numbers: 1 and 0 = as they are */
    const struct mdf_word *words;
    uint32_t word_count; /* more than MDF_WORDS_MAX are left out */
};

#define MDF_WORDS_MAX 16384U

/* Into a stream that stays its owner's, and where nothing was written yet. 0 and *out, which is the caller's:
 * mdf_close(); or a negative errno. */
int mdf_open(FILE *to, struct mdf **out);

/* A group of channels beside the time, with the name of what it is from: an interface of a CAN bus. Nothing
 * is kept of what is passed. The group's number, -ENOMEM or an error of writing. */
int mdf_add_group(struct mdf *file, const char *name, const char *iface, const struct mdf_channel *channels,
                  unsigned count);

/* A row of a group, all values missing; then its values, by the group's channels from 0. Rows of other groups
 * may come in between only after mdf_end_row(). 0 or -ENOMEM. */
int mdf_begin_row(struct mdf *file, int group, int64_t time_ns);
void mdf_put_number(struct mdf *file, int group, unsigned channel, uint64_t raw);
/* What is longer than the channel is cut. */
void mdf_put_bytes(struct mdf *file, int group, unsigned channel, const void *data, size_t bytes);
/* 0 or a negative error of writing. */
int mdf_end_row(struct mdf *file, int group);

/* Writes what is gathered and the header. 0 or a negative error. The stream is not flushed. */
int mdf_finish(struct mdf *file);

void mdf_close(struct mdf *file); /* NULL is fine */

#endif
