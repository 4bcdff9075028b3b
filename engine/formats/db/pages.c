/* Rows of an SQLite file (pages.h). Invariant: `leaf` is in the window; it is invalid after another page was
 * read. One thread. */
#include "formats/db/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX 65536U

static uint32_t get_u16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get_u32(const uint8_t *at)
{
    return get_u16(at) << 16 | get_u16(at + 2);
}

/* A number of 1 to 9 bytes: how many, 0 when it passes `end`. */
static unsigned get_varint(const uint8_t *at, const uint8_t *end, uint64_t *value)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 9 && at + i < end; i++) {
        if (i == 8) {
            *value = v << 8 | at[i];
            return 9;
        }
        v = v << 7 | (at[i] & 0x7F);
        if (!(at[i] & 0x80)) {
            *value = v;
            return i + 1;
        }
    }
    return 0;
}

static int damaged(struct canp_db_pages *pages, uint32_t page, const char *problem)
{
    pages->problem = problem;
    pages->bad_offset = page ? (uint64_t)(page - 1) * pages->page_bytes : 0;
    return -CANP_E_DAMAGED;
}

/* ---- pages ------------------------------------------------------------------------------------------ */

int canp_db_open(struct canp_db_pages *pages, struct canp_source *source)
{
    uint8_t head[CANP_DB_HEAD_BYTES];
    pages->source = source;
    int64_t n = canp_source_read_at(source, 0, head, sizeof(head));
    if (n < 0)
        return (int)n;
    if (n < (int64_t)sizeof(head) || memcmp(head, CANP_DB_MAGIC, 16) != 0)
        return damaged(pages, 0, "ends within its header");
    pages->page_bytes = get_u16(head + 16) == 1 ? PAGE_MAX : get_u16(head + 16);
    pages->usable = pages->page_bytes - head[20];
    if (pages->page_bytes < 512 || (pages->page_bytes & (pages->page_bytes - 1)) || pages->usable < 480)
        return damaged(pages, 0, "has a size of pages that cannot be");
    uint64_t count = canp_source_size(source) / pages->page_bytes;
    pages->page_count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX - 1;
    pages->window = malloc(CANP_DB_WINDOW);
    return pages->window ? 0 : -ENOMEM;
}

void canp_db_close(struct canp_db_pages *pages)
{
    for (unsigned i = 0; i < CANP_DB_DEPTH_MAX; i++)
        free(pages->levels[i].page);
    free(pages->window);
}

/* Makes the page readable in the window: 0, *out; or an error. */
static int get_page(struct canp_db_pages *pages, uint32_t number, const uint8_t **out)
{
    if (number < 1 || number > pages->page_count)
        return damaged(pages, number, "refers to a page that is not there");
    if (++pages->visits > pages->page_count)
        return damaged(pages, number, "has pages that lead in a circle");
    uint64_t offset = (uint64_t)(number - 1) * pages->page_bytes;
    bool is_there = offset >= pages->window_offset &&
                    offset + pages->page_bytes <= pages->window_offset + pages->window_bytes;
    if (!is_there) {
        int64_t n = canp_source_read_at(pages->source, offset, pages->window, CANP_DB_WINDOW);
        pages->window_offset = offset;
        pages->window_bytes = n > 0 ? (size_t)n : 0;
        if (n < (int64_t)pages->page_bytes)
            return n < 0 ? (int)n : damaged(pages, number, "was cut while it was read");
    }
    *out = pages->window + (offset - pages->window_offset);
    return 0;
}

/* ---- the walk --------------------------------------------------------------------------------------- */

/* The number of an interior page's child; 0: it cannot be. */
static uint32_t child_of(const struct canp_db_pages *pages, const struct canp_db_level *level)
{
    unsigned head = level->number == 1 ? CANP_DB_HEAD_BYTES : 0;
    if (level->at == level->cells)
        return get_u32(level->page + head + 8);
    uint32_t offset = get_u16(level->page + head + 12 + (size_t)2 * level->at);
    return offset + 4 <= pages->usable ? get_u32(level->page + offset) : 0;
}

static int push_level(struct canp_db_pages *pages, const uint8_t *page, uint32_t number, unsigned cells)
{
    struct canp_db_level *level = &pages->levels[pages->depth];
    if (!level->page)
        level->page = calloc(1, PAGE_MAX);
    if (!level->page)
        return -ENOMEM;
    memcpy(level->page, page, pages->page_bytes);
    level->number = number;
    level->at = 0;
    level->cells = cells;
    pages->depth++;
    return 0;
}

/* Down to the first leaf below that page. */
static int descend(struct canp_db_pages *pages, uint32_t number)
{
    for (;;) {
        const uint8_t *page = NULL;
        int r = get_page(pages, number, &page);
        if (r < 0)
            return r;
        unsigned head = number == 1 ? CANP_DB_HEAD_BYTES : 0;
        unsigned type = page[head], cells = get_u16(page + head + 3);
        unsigned head_end = head + (type == CANP_DB_LEAF ? 8 : 12);
        if ((type != CANP_DB_LEAF && type != CANP_DB_INTERIOR) || head_end + 2 * cells > pages->usable)
            return damaged(pages, number, "has a page that is none of a table");
        if (type == CANP_DB_LEAF) {
            pages->leaf = page;
            pages->leaf_number = number;
            pages->leaf_at = 0;
            pages->leaf_cells = cells;
            pages->leaf_head = head_end;
            return 0;
        }
        if (pages->depth == CANP_DB_DEPTH_MAX)
            return damaged(pages, number, "has pages that lead too deep");
        r = push_level(pages, page, number, cells);
        if (r < 0)
            return r;
        number = child_of(pages, &pages->levels[pages->depth - 1]);
    }
}

int canp_db_begin(struct canp_db_pages *pages, uint32_t root)
{
    pages->depth = 0;
    pages->visits = 0;
    pages->has_last = false;
    pages->leaf = NULL;
    return descend(pages, root);
}

/* To the leaf behind this one: 1, 0 behind the last, or an error. */
static int next_leaf(struct canp_db_pages *pages)
{
    while (pages->depth) {
        struct canp_db_level *level = &pages->levels[pages->depth - 1];
        if (level->at < level->cells) {
            level->at++;
            int r = descend(pages, child_of(pages, level));
            return r < 0 ? r : 1;
        }
        pages->depth--;
    }
    pages->leaf = NULL;
    return 0;
}

/* How many bytes of a payload lie on its leaf. */
static uint64_t local_bytes(const struct canp_db_pages *pages, uint64_t bytes)
{
    uint64_t max = pages->usable - 35, min = (pages->usable - 12) * 32U / 255 - 23;
    if (bytes <= max)
        return bytes;
    uint64_t some = min + (bytes - min) % (pages->usable - 4);
    return some <= max ? some : min;
}

int canp_db_next(struct canp_db_pages *pages, struct canp_db_row *row)
{
    if (!pages->leaf)
        return 0;
    while (pages->leaf_at == pages->leaf_cells) {
        int r = next_leaf(pages);
        if (r != 1)
            return r;
    }
    const uint8_t *end = pages->leaf + pages->usable;
    uint32_t offset = get_u16(pages->leaf + pages->leaf_head + (size_t)2 * pages->leaf_at++);
    const uint8_t *at = pages->leaf + (offset < pages->usable ? offset : pages->usable);
    uint64_t bytes, id = 0;
    unsigned n = get_varint(at, end, &bytes), m = n ? get_varint(at + n, end, &id) : 0;
    if (!m || bytes > INT32_MAX)
        return damaged(pages, pages->leaf_number, "has a page with a row that cannot be");
    if (pages->has_last && (int64_t)id <= pages->last_id)
        return damaged(pages, pages->leaf_number, "has rows whose ids do not ascend, or pages in a circle");
    pages->last_id = (int64_t)id;
    pages->has_last = true;
    uint64_t local = local_bytes(pages, bytes);
    at += n + m;
    if ((uint64_t)(end - at) < local)
        return damaged(pages, pages->leaf_number, "has a page with a row that cannot be");
    *row = (struct canp_db_row){at, (size_t)local, local < bytes,
                                (uint64_t)(pages->leaf_number - 1) * pages->page_bytes + offset};
    return 1;
}

/* ---- values ----------------------------------------------------------------------------------------- */

static uint64_t bytes_of(uint64_t serial)
{
    static const uint8_t of[12] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
    return serial < 12 ? of[serial] : (serial - 12) / 2;
}

int canp_db_values(const struct canp_db_row *row, struct canp_db_value *values, unsigned max)
{
    const uint8_t *end = row->at + row->bytes;
    uint64_t head_bytes;
    unsigned n = get_varint(row->at, end, &head_bytes), count = 0;
    if (!n || head_bytes < n || head_bytes > row->bytes)
        return -CANP_E_DAMAGED;
    const uint8_t *at = row->at + n, *body = row->at + head_bytes;
    for (const uint8_t *head_end = body; at < head_end && count < max; count++) {
        struct canp_db_value *v = &values[count];
        n = get_varint(at, head_end, &v->serial);
        uint64_t bytes = n ? bytes_of(v->serial) : 0;
        bool is_whole = bytes <= (uint64_t)(end - body);
        if (!n || (!is_whole && !row->is_cut))
            return -CANP_E_DAMAGED;
        v->at = body;
        v->bytes = is_whole ? (size_t)bytes : (size_t)(end - body);
        body += v->bytes;
        at += n;
    }
    return (int)count;
}

bool canp_db_integer(const struct canp_db_value *value, int64_t *out)
{
    if (value->serial == 8 || value->serial == 9) {
        *out = value->serial == 9;
        return true;
    }
    if (value->serial < 1 || value->serial > 6 || value->bytes != bytes_of(value->serial))
        return false;
    uint64_t v = value->at[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < value->bytes; i++)
        v = v << 8 | value->at[i];
    *out = (int64_t)v;
    return true;
}

bool canp_db_real(const struct canp_db_value *value, double *out)
{
    int64_t integer;
    if (canp_db_integer(value, &integer)) {
        *out = (double)integer;
        return true;
    }
    if (value->serial != 7 || value->bytes != 8)
        return false;
    uint64_t bits = (uint64_t)get_u32(value->at) << 32 | get_u32(value->at + 4);
    memcpy(out, &bits, sizeof(bits));
    return true;
}
