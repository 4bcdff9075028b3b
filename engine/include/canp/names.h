/*
 * Names for the values in records: defined in one place, so that text formats, tables and messages agree.
 * Constant strings; any thread.
 */
#ifndef CANP_NAMES_H
#define CANP_NAMES_H

#include <canp/frame.h>

CANP_BEGIN_DECLS

/* enum canp_kind: "can", "fd", "xl", "gap", "iface", "link", "mark", "clock". NULL for any other value, as
 * from all functions here: a newer program may have written the recording. */
CANP_API const char *canp_kind_name(uint8_t kind);

/* enum canp_dir: "rx", "tx", "own". */
CANP_API const char *canp_dir_name(uint8_t dir);

/* enum canp_layer: "socket", "device", "recorder", "store", "stream". */
CANP_API const char *canp_layer_name(uint32_t layer);

/* enum canp_link_code: "up", "down", "gone", "back", "renamed", "state". */
CANP_API const char *canp_link_code_name(uint32_t code);

/* A controller's state, enum can_state of linux/can/netlink.h, as `ip` writes it: "error-active",
 * "error-warning", "error-passive", "bus-off", "stopped", "sleeping". */
CANP_API const char *canp_controller_state_name(uint32_t state);

CANP_END_DECLS

#endif
