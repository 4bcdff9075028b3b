/* The C compiler's layout of the structs that tools/python/canp/_lib.py mirrors: struct, field, offset, size.
 */
#include <canp/reader.h>
#include <canp/writer.h>
#include <stddef.h>
#include <stdio.h>

#define STRUCT(type) printf(#type " - 0 %zu\n", sizeof(struct type))
#define FIELD(type, field)                                                                                   \
    printf(#type " " #field " %zu %zu\n", offsetof(struct type, field), sizeof(((struct type *)0)->field))

int main(void)
{
    STRUCT(canp_why);
    STRUCT(canp_iface);
    STRUCT(canp_info);
    STRUCT(canp_record);
    STRUCT(canp_batch);
    STRUCT(canp_cursor_opts);
    STRUCT(canp_writer_opts);
    FIELD(canp_iface, name);
    FIELD(canp_iface, ctrlmode);
    FIELD(canp_info, frames);
    FIELD(canp_info, lost);
    FIELD(canp_info, first_ns);
    FIELD(canp_info, last_ns);
    FIELD(canp_info, segments);
    FIELD(canp_info, bytes);
    FIELD(canp_info, packed_bytes);
    FIELD(canp_info, torn_bytes);
    FIELD(canp_info, ids);
    FIELD(canp_info, damaged);
    FIELD(canp_info, live);
    FIELD(canp_record, time_ns);
    FIELD(canp_record, hw_time_ns);
    FIELD(canp_record, kind);
    FIELD(canp_record, channel);
    FIELD(canp_record, dir);
    FIELD(canp_record, has_hw_time);
    FIELD(canp_record, row_bytes);
    FIELD(canp_record, frame);
    FIELD(canp_batch, rows);
    FIELD(canp_batch, bytes);
    FIELD(canp_batch, stride);
    FIELD(canp_batch, base_ns);
    FIELD(canp_cursor_opts, size);
    FIELD(canp_cursor_opts, from_ns);
    FIELD(canp_cursor_opts, to_ns);
    FIELD(canp_cursor_opts, frames_only);
    FIELD(canp_cursor_opts, on_damage);
    FIELD(canp_cursor_opts, user);
    FIELD(canp_cursor_opts, filter);
    FIELD(canp_cursor_opts, kinds);
    FIELD(canp_cursor_opts, dirs);
    FIELD(canp_cursor_opts, channels);
    FIELD(canp_writer_opts, size);
    FIELD(canp_writer_opts, segment_bytes);
    FIELD(canp_writer_opts, no_sync);
    FIELD(canp_writer_opts, dir_must_exist);
    FIELD(canp_writer_opts, pack);
    printf("canp_filter_set - 0 %zu\n", sizeof(struct canp_filter_set));
    return 0;
}
