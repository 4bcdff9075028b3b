/*
 * The blocks of an MF4 file (mf4_parts.h). Invariant: nothing is read beyond the file's size as it was at the
 * beginning, and the bytes of visited blocks are counted: following links that lead in a circle ends when the
 * count reaches the file's size. One thread. Links lead forwards and backwards, so a pipe or a compressed
 * file is first copied into an unnamed file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <canp/private/read_at.h>

#include "formats/mf4/mf4_parts.h"

int canp_mf4_unnamed_file(void)
{
    const char *folder = secure_getenv("TMPDIR");
    char path[512];
    folder = folder && folder[0] ? folder : "/tmp";
    int fd = open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd < 0 ? -errno : fd;
    if ((size_t)snprintf(path, sizeof(path), "%s/canp-XXXXXX", folder) >= sizeof(path))
        return -ENAMETOOLONG;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(path);
    return fd;
}

static int write_all(int fd, const uint8_t *bytes, size_t length)
{
    while (length) {
        ssize_t n = write(fd, bytes, length);
        if (n < 0 && errno != EINTR)
            return -errno;
        bytes += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int copy_all(struct canp_source *source, int fd, uint64_t *bytes)
{
    for (;;) {
        int64_t n = canp_source_fill(source, 1);
        if (n <= 0)
            return (int)n;
        int r = write_all(fd, source->at, (size_t)n);
        if (r < 0)
            return r;
        *bytes += (uint64_t)n;
        source->at = source->end;
    }
}

int canp_mf4_file_open(struct canp_log_reader *reader, struct canp_mf4_file *file)
{
    struct canp_source *source = &reader->source;
    const char *name = reader->path ? reader->path : "the log";
    *file = (struct canp_mf4_file){.source = source, .copy = -1, .pages = -1};
    if (source->is_seekable) {
        uint64_t size = canp_source_size(source);
        file->begin = canp_source_offset(source);
        file->bytes = size > file->begin ? size - file->begin : 0;
    } else {
        file->copy = canp_mf4_unnamed_file();
        int r = file->copy < 0 ? file->copy : copy_all(source, file->copy, &file->bytes);
        if (r < 0)
            return canp_log_error(
                reader, r,
                "%s: MF4 cannot be read as it comes, and it cannot be copied to $TMPDIR (or "
                "/tmp) first: %s; give the file itself",
                name, canp_strerror(r));
    }
    file->to_walk = file->bytes;
    return 0;
}

void canp_mf4_file_close(struct canp_mf4_file *file)
{
    if (!file->source)
        return;
    if (file->copy >= 0)
        close(file->copy);
    if (file->pages >= 0)
        close(file->pages);
    free(file->packed);
    free(file->flat);
}

int64_t canp_mf4_read(struct canp_mf4_file *file, uint64_t offset, void *to, size_t bytes)
{
    if (offset >= file->bytes)
        return 0;
    if (bytes > file->bytes - offset)
        bytes = (size_t)(file->bytes - offset);
    if (file->copy < 0)
        return canp_source_read_at(file->source, file->begin + offset, to, bytes);
    return canp_read_at(file->copy, to, bytes, offset);
}

static int read_head(struct canp_mf4_file *file, uint64_t offset, struct canp_mf4_block *out)
{
    uint8_t head[CANP_MF4_HEAD_BYTES] = {0};
    int64_t n = canp_mf4_read(file, offset, head, sizeof(head));
    if (n < 0)
        return (int)n;
    *out = (struct canp_mf4_block){
        .offset = offset, .bytes = canp_mf4_u64(head + 8), .links = canp_mf4_u64(head + 16)};
    memcpy(out->type, head, sizeof(out->type));
    if (n < (int64_t)sizeof(head) || memcmp(head, "##", 2) != 0 || out->bytes < sizeof(head) ||
        out->links > (out->bytes - sizeof(head)) / 8)
        return -CANP_E_DAMAGED;
    return 0;
}

int canp_mf4_block_at(struct canp_mf4_file *file, uint64_t offset, struct canp_mf4_block *out)
{
    int r = read_head(file, offset, out);
    if (r < 0)
        return r;
    uint64_t there = file->bytes - offset, walked = out->bytes < there ? out->bytes : there;
    if (walked > file->to_walk)
        return -CANP_E_DAMAGED;
    file->to_walk -= walked;
    return 0;
}

int canp_mf4_take(struct canp_mf4_file *file, uint64_t offset, const char type[2], uint64_t *links,
                  unsigned link_count, uint8_t *data, size_t data_bytes)
{
    struct canp_mf4_block block;
    uint8_t raw[8 * 8] = {0};
    size_t link_bytes = (size_t)8 * link_count;
    int r = canp_mf4_block_at(file, offset, &block);
    if (r < 0)
        return r;
    uint64_t behind = CANP_MF4_HEAD_BYTES + 8 * block.links;
    if (!canp_mf4_is(&block, type) || block.links < link_count || block.bytes - behind < data_bytes)
        return -CANP_E_DAMAGED;
    int64_t n = canp_mf4_read(file, offset + CANP_MF4_HEAD_BYTES, raw, link_bytes);
    int64_t m = canp_mf4_read(file, offset + behind, data, data_bytes);
    if (n < (int64_t)link_bytes || m < (int64_t)data_bytes)
        return n < 0 ? (int)n : m < 0 ? (int)m : -CANP_E_DAMAGED;
    for (unsigned i = 0; i < link_count; i++)
        links[i] = canp_mf4_u64(raw + (size_t)8 * i);
    return 0;
}

void canp_mf4_text(struct canp_mf4_file *file, uint64_t offset, char out[CANP_MF4_NAME_BYTES])
{
    struct canp_mf4_block block;
    memset(out, 0, CANP_MF4_NAME_BYTES);
    if (!offset || read_head(file, offset, &block) < 0 ||
        (!canp_mf4_is(&block, "TX") && !canp_mf4_is(&block, "MD")))
        return;
    uint64_t behind = CANP_MF4_HEAD_BYTES + 8 * block.links, bytes = block.bytes - behind;
    if (bytes > CANP_MF4_NAME_BYTES - 1)
        bytes = CANP_MF4_NAME_BYTES - 1;
    if (canp_mf4_read(file, offset + behind, out, (size_t)bytes) < 0)
        out[0] = '\0';
}
