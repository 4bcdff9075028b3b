/* The C compiler's layout of the structs that tools/python/canp/_lib.py mirrors: struct, field, offset, size.
 */
#include <canp/column.h>
#include <canp/log.h>
#include <canp/reader.h>
#include <canp/table.h>
#include <canp/writer.h>
#if __has_include(<canp/recorder.h>)
#include <canp/listener.h>
#include <canp/recorder.h>
#include <canp/replay.h>
#define LIVE
#endif
#include <stddef.h>
#include <stdio.h>

#define STRUCT(type) printf(#type " - 0 %zu\n", sizeof(struct type))
#define FIELD(type, field)                                                                                   \
    printf(#type " " #field " %zu %zu\n", offsetof(struct type, field), sizeof(((struct type *)0)->field))

static void why(void)
{
    STRUCT(canp_why);
    FIELD(canp_why, text);
}

static void iface(void)
{
    STRUCT(canp_iface);
    FIELD(canp_iface, mtu);
    FIELD(canp_iface, bytes);
    FIELD(canp_iface, zero);
    FIELD(canp_iface, name);
    FIELD(canp_iface, ifindex);
    FIELD(canp_iface, bitrate);
    FIELD(canp_iface, dbitrate);
    FIELD(canp_iface, ctrlmode);
}

static void info(void)
{
    STRUCT(canp_info);
    FIELD(canp_info, frames);
    FIELD(canp_info, records);
    FIELD(canp_info, lost);
    FIELD(canp_info, first_ns);
    FIELD(canp_info, last_ns);
    FIELD(canp_info, segments);
    FIELD(canp_info, blocks);
    FIELD(canp_info, bytes);
    FIELD(canp_info, packed_bytes);
    FIELD(canp_info, torn_bytes);
    FIELD(canp_info, ids);
    FIELD(canp_info, damaged);
    FIELD(canp_info, live);
}

static void record(void)
{
    STRUCT(canp_record);
    FIELD(canp_record, time_ns);
    FIELD(canp_record, hw_time_ns);
    FIELD(canp_record, kind);
    FIELD(canp_record, channel);
    FIELD(canp_record, dir);
    FIELD(canp_record, has_hw_time);
    FIELD(canp_record, row_bytes);
    FIELD(canp_record, frame);
}

static void iface_info(void)
{
    STRUCT(canp_iface_info);
    FIELD(canp_iface_info, iface);
    FIELD(canp_iface_info, frames);
    FIELD(canp_iface_info, lost);
    FIELD(canp_iface_info, error_frames);
}

static void filter_set(void)
{
    STRUCT(canp_filter_set);
    FIELD(canp_filter_set, count);
    FIELD(canp_filter_set, join);
    FIELD(canp_filter_set, error_mask);
    FIELD(canp_filter_set, filters);
}

static void table_arrays(void)
{
    STRUCT(canp_table_arrays);
    FIELD(canp_table_arrays, rows);
    FIELD(canp_table_arrays, times_ns);
    FIELD(canp_table_arrays, channels);
    FIELD(canp_table_arrays, ids);
    FIELD(canp_table_arrays, kinds);
    FIELD(canp_table_arrays, dirs);
    FIELD(canp_table_arrays, flags);
    FIELD(canp_table_arrays, lengths);
    FIELD(canp_table_arrays, extras);
    FIELD(canp_table_arrays, hw_times_ns);
    FIELD(canp_table_arrays, starts);
    FIELD(canp_table_arrays, bytes);
    FIELD(canp_table_arrays, signals);
    FIELD(canp_table_arrays, values);
    FIELD(canp_table_arrays, raw);
}

static void table_opts(void)
{
    STRUCT(canp_table_opts);
    FIELD(canp_table_opts, size);
    FIELD(canp_table_opts, fields);
    FIELD(canp_table_opts, rows_max);
    FIELD(canp_table_opts, bytes_max);
    FIELD(canp_table_opts, frames_only);
}

static void table_values(void)
{
    STRUCT(canp_table_values);
    FIELD(canp_table_values, size);
    FIELD(canp_table_values, decoder);
    FIELD(canp_table_values, signals);
    FIELD(canp_table_values, signal_count);
    FIELD(canp_table_values, transport);
}

static void decode_counts(void)
{
    STRUCT(canp_decode_counts);
    FIELD(canp_decode_counts, frames);
    FIELD(canp_decode_counts, values);
    FIELD(canp_decode_counts, short_values);
    FIELD(canp_decode_counts, frames_unknown);
    FIELD(canp_decode_counts, not_data);
}

static void column_arrays(void)
{
    STRUCT(canp_column_arrays);
    FIELD(canp_column_arrays, room);
    FIELD(canp_column_arrays, count);
    FIELD(canp_column_arrays, times_ns);
    FIELD(canp_column_arrays, values);
    FIELD(canp_column_arrays, raw);
    FIELD(canp_column_arrays, flags);
    FIELD(canp_column_arrays, channels);
}

static void column_opts(void)
{
    STRUCT(canp_column_opts);
    FIELD(canp_column_opts, size);
    FIELD(canp_column_opts, from_ns);
    FIELD(canp_column_opts, to_ns);
    FIELD(canp_column_opts, channels);
    FIELD(canp_column_opts, dirs);
    FIELD(canp_column_opts, with);
    FIELD(canp_column_opts, on_damage);
    FIELD(canp_column_opts, user);
}

static void column_counts(void)
{
    STRUCT(canp_column_counts);
    FIELD(canp_column_counts, frames);
    FIELD(canp_column_counts, values);
    FIELD(canp_column_counts, short_frames);
    FIELD(canp_column_counts, unselected);
}

static void dbc_signal(void)
{
    STRUCT(canp_dbc_signal);
    FIELD(canp_dbc_signal, name);
    FIELD(canp_dbc_signal, long_name);
    FIELD(canp_dbc_signal, unit);
    FIELD(canp_dbc_signal, comment);
    FIELD(canp_dbc_signal, message);
    FIELD(canp_dbc_signal, start_bit);
    FIELD(canp_dbc_signal, bits);
    FIELD(canp_dbc_signal, big_endian);
    FIELD(canp_dbc_signal, is_signed);
    FIELD(canp_dbc_signal, is_muxer);
    FIELD(canp_dbc_signal, is_muxed);
    FIELD(canp_dbc_signal, marks);
    FIELD(canp_dbc_signal, number);
    FIELD(canp_dbc_signal, factor);
    FIELD(canp_dbc_signal, offset);
    FIELD(canp_dbc_signal, minimum);
    FIELD(canp_dbc_signal, maximum);
    FIELD(canp_dbc_signal, muxer);
    FIELD(canp_dbc_signal, ranges);
    FIELD(canp_dbc_signal, range_count);
    FIELD(canp_dbc_signal, receiver_count);
    FIELD(canp_dbc_signal, receivers);
    FIELD(canp_dbc_signal, values);
    FIELD(canp_dbc_signal, attributes);
    FIELD(canp_dbc_signal, spn);
    FIELD(canp_dbc_signal, has_start);
    FIELD(canp_dbc_signal, start_value);
    FIELD(canp_dbc_signal, line);
}

static void dbc_message(void)
{
    STRUCT(canp_dbc_message);
    FIELD(canp_dbc_message, name);
    FIELD(canp_dbc_message, long_name);
    FIELD(canp_dbc_message, comment);
    FIELD(canp_dbc_message, sender);
    FIELD(canp_dbc_message, id);
    FIELD(canp_dbc_message, bytes);
    FIELD(canp_dbc_message, duplicate);
    FIELD(canp_dbc_message, independent);
    FIELD(canp_dbc_message, format);
    FIELD(canp_dbc_message, signals);
    FIELD(canp_dbc_message, signal_count);
    FIELD(canp_dbc_message, transmitter_count);
    FIELD(canp_dbc_message, transmitters);
    FIELD(canp_dbc_message, groups);
    FIELD(canp_dbc_message, attributes);
    FIELD(canp_dbc_message, cycle_ms);
    FIELD(canp_dbc_message, line);
}

static void dbc_contents(void)
{
    STRUCT(canp_dbc_contents);
    FIELD(canp_dbc_contents, version);
    FIELD(canp_dbc_contents, comment);
    FIELD(canp_dbc_contents, was_utf8);
    FIELD(canp_dbc_contents, messages);
    FIELD(canp_dbc_contents, nodes);
    FIELD(canp_dbc_contents, tables);
    FIELD(canp_dbc_contents, environments);
    FIELD(canp_dbc_contents, definitions);
    FIELD(canp_dbc_contents, relations);
    FIELD(canp_dbc_contents, message_count);
}

static void value(void)
{
    STRUCT(canp_value);
    FIELD(canp_value, signal);
    FIELD(canp_value, raw);
    FIELD(canp_value, value);
    FIELD(canp_value, flags);
    FIELD(canp_value, zero);
}

static void decoder_opts(void)
{
    STRUCT(canp_decoder_opts);
    FIELD(canp_decoder_opts, size);
    FIELD(canp_decoder_opts, j1939);
}

static void log_write_opts(void)
{
    STRUCT(canp_log_write_opts);
    FIELD(canp_log_write_opts, size);
    FIELD(canp_log_write_opts, style);
    FIELD(canp_log_write_opts, map);
}

static void log_selection(void)
{
    STRUCT(canp_log_selection);
    FIELD(canp_log_selection, size);
    FIELD(canp_log_selection, filter);
    FIELD(canp_log_selection, ifaces);
    FIELD(canp_log_selection, iface_count);
    FIELD(canp_log_selection, has_from);
    FIELD(canp_log_selection, has_to);
    FIELD(canp_log_selection, from_is_relative);
    FIELD(canp_log_selection, to_is_relative);
    FIELD(canp_log_selection, from_ns);
    FIELD(canp_log_selection, to_ns);
    FIELD(canp_log_selection, kinds);
    FIELD(canp_log_selection, dirs);
}

static void log_copy_opts(void)
{
    STRUCT(canp_log_copy_opts);
    FIELD(canp_log_copy_opts, size);
    FIELD(canp_log_copy_opts, is_stopped);
    FIELD(canp_log_copy_opts, user);
}

static void log_copy_result(void)
{
    STRUCT(canp_log_copy_result);
    FIELD(canp_log_copy_result, records);
    FIELD(canp_log_copy_result, frames);
    FIELD(canp_log_copy_result, is_write_error);
}

static void log_write_stats(void)
{
    STRUCT(canp_log_write_stats);
    FIELD(canp_log_write_stats, records);
    FIELD(canp_log_write_stats, frames);
    FIELD(canp_log_write_stats, bytes);
}

static void ArrowSchema(void)
{
    STRUCT(ArrowSchema);
    FIELD(ArrowSchema, format);
    FIELD(ArrowSchema, name);
    FIELD(ArrowSchema, metadata);
    FIELD(ArrowSchema, flags);
    FIELD(ArrowSchema, n_children);
    FIELD(ArrowSchema, children);
    FIELD(ArrowSchema, dictionary);
    FIELD(ArrowSchema, release);
    FIELD(ArrowSchema, private_data);
}

static void ArrowArray(void)
{
    STRUCT(ArrowArray);
    FIELD(ArrowArray, length);
    FIELD(ArrowArray, null_count);
    FIELD(ArrowArray, offset);
    FIELD(ArrowArray, n_buffers);
    FIELD(ArrowArray, n_children);
    FIELD(ArrowArray, buffers);
    FIELD(ArrowArray, children);
    FIELD(ArrowArray, dictionary);
    FIELD(ArrowArray, release);
    FIELD(ArrowArray, private_data);
}

static void ArrowArrayStream(void)
{
    STRUCT(ArrowArrayStream);
    FIELD(ArrowArrayStream, get_schema);
    FIELD(ArrowArrayStream, get_next);
    FIELD(ArrowArrayStream, get_last_error);
    FIELD(ArrowArrayStream, release);
    FIELD(ArrowArrayStream, private_data);
}

static void cursor_opts(void)
{
    STRUCT(canp_cursor_opts);
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
    FIELD(canp_cursor_opts, thorough);
}

static void writer_opts(void)
{
    STRUCT(canp_writer_opts);
    FIELD(canp_writer_opts, size);
    FIELD(canp_writer_opts, segment_bytes);
    FIELD(canp_writer_opts, sync_ns);
    FIELD(canp_writer_opts, no_sync);
    FIELD(canp_writer_opts, dir_must_exist);
    FIELD(canp_writer_opts, pack);
    FIELD(canp_writer_opts, segment_ns);
    FIELD(canp_writer_opts, keep_segments);
    FIELD(canp_writer_opts, keep_bytes);
    FIELD(canp_writer_opts, append);
}

#ifdef LIVE
static void recorder_opts(void)
{
    STRUCT(canp_recorder_opts);
    FIELD(canp_recorder_opts, size);
    FIELD(canp_recorder_opts, ifaces);
    FIELD(canp_recorder_opts, iface_count);
    FIELD(canp_recorder_opts, dir);
    FIELD(canp_recorder_opts, duration_ns);
    FIELD(canp_recorder_opts, frames_max);
    FIELD(canp_recorder_opts, segment_bytes);
    FIELD(canp_recorder_opts, segment_ns);
    FIELD(canp_recorder_opts, keep_segments);
    FIELD(canp_recorder_opts, keep_bytes);
    FIELD(canp_recorder_opts, sync_ns);
    FIELD(canp_recorder_opts, sync_at_segments);
    FIELD(canp_recorder_opts, no_sync);
    FIELD(canp_recorder_opts, pack);
    FIELD(canp_recorder_opts, flush_ns);
    FIELD(canp_recorder_opts, latency_ns);
    FIELD(canp_recorder_opts, rcvbuf_bytes);
    FIELD(canp_recorder_opts, no_error_frames);
    FIELD(canp_recorder_opts, hw_timestamps);
    FIELD(canp_recorder_opts, notes);
    FIELD(canp_recorder_opts, note_count);
    FIELD(canp_recorder_opts, triggers);
    FIELD(canp_recorder_opts, trigger_count);
    FIELD(canp_recorder_opts, pre_trigger_ns);
    FIELD(canp_recorder_opts, post_trigger_ns);
    FIELD(canp_recorder_opts, trigger_memory_bytes);
    FIELD(canp_recorder_opts, trigger);
    FIELD(canp_recorder_opts, slab_bytes);
    FIELD(canp_recorder_opts, slab_count);
    FIELD(canp_recorder_opts, stall_ns);
    FIELD(canp_recorder_opts, prealloc);
    FIELD(canp_recorder_opts, io);
    FIELD(canp_recorder_opts, wait_absent);
    FIELD(canp_recorder_opts, no_wait);
    FIELD(canp_recorder_opts, bitrate);
    FIELD(canp_recorder_opts, dbitrate);
    FIELD(canp_recorder_opts, notice);
    FIELD(canp_recorder_opts, ready);
    FIELD(canp_recorder_opts, stored);
    FIELD(canp_recorder_opts, user);
}

static void recorder_stats(void)
{
    STRUCT(canp_recorder_stats);
    FIELD(canp_recorder_stats, frames);
    FIELD(canp_recorder_stats, error_frames);
    FIELD(canp_recorder_stats, lost);
    FIELD(canp_recorder_stats, undone);
    FIELD(canp_recorder_stats, outside);
    FIELD(canp_recorder_stats, windows);
    FIELD(canp_recorder_stats, duration_ns);
    FIELD(canp_recorder_stats, segments);
    FIELD(canp_recorder_stats, removed);
    FIELD(canp_recorder_stats, bytes);
}

static void listener_opts(void)
{
    STRUCT(canp_listener_opts);
    FIELD(canp_listener_opts, size);
    FIELD(canp_listener_opts, ifaces);
    FIELD(canp_listener_opts, iface_count);
    FIELD(canp_listener_opts, wait_absent);
    FIELD(canp_listener_opts, no_wait);
}

static void stop(void)
{
    STRUCT(canp_stop);
}

static void replay_sink(void)
{
    STRUCT(canp_replay_sink);
    FIELD(canp_replay_sink, self);
    FIELD(canp_replay_sink, want);
    FIELD(canp_replay_sink, put);
    FIELD(canp_replay_sink, put_at);
    FIELD(canp_replay_sink, flush);
    FIELD(canp_replay_sink, idle);
}

static void replay_opts(void)
{
    STRUCT(canp_replay_opts);
    FIELD(canp_replay_opts, size);
    FIELD(canp_replay_opts, speed);
    FIELD(canp_replay_opts, full_speed);
    FIELD(canp_replay_opts, loops);
    FIELD(canp_replay_opts, from_ns);
    FIELD(canp_replay_opts, to_ns);
    FIELD(canp_replay_opts, max_gap_ns);
    FIELD(canp_replay_opts, spin_ns);
    FIELD(canp_replay_opts, filters);
    FIELD(canp_replay_opts, stop);
    FIELD(canp_replay_opts, ahead_ns);
    FIELD(canp_replay_opts, bus_window);
}

static void replay_stats(void)
{
    STRUCT(canp_replay_stats);
    FIELD(canp_replay_stats, frames);
    FIELD(canp_replay_stats, loops);
    FIELD(canp_replay_stats, lost);
    FIELD(canp_replay_stats, damaged);
    FIELD(canp_replay_stats, scheduled_ns);
    FIELD(canp_replay_stats, elapsed_ns);
    FIELD(canp_replay_stats, drift_ns);
    FIELD(canp_replay_stats, stopped);
}

#endif

int main(void)
{
    why();
    iface();
    info();
    record();
    iface_info();
    filter_set();
    table_arrays();
    table_opts();
    table_values();
    decode_counts();
    column_arrays();
    column_opts();
    column_counts();
    dbc_signal();
    dbc_message();
    dbc_contents();
    value();
    decoder_opts();
    log_write_opts();
    log_selection();
    log_copy_opts();
    log_copy_result();
    log_write_stats();
    ArrowSchema();
    ArrowArray();
    ArrowArrayStream();
    cursor_opts();
    writer_opts();
#ifdef LIVE
    recorder_opts();
    recorder_stats();
    listener_opts();
    stop();
    replay_sink();
    replay_opts();
    replay_stats();
#endif
    return 0;
}
