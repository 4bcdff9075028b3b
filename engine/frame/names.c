/* Names of kinds, directions, layers, link changes and controller states (canp/names.h). Any thread; no
 * state. */
#include <stddef.h>

#include <canp/names.h>

#define KINDS(X)                                                                                             \
    X(CANP_KIND_CAN, "can")                                                                                  \
    X(CANP_KIND_FD, "fd")                                                                                    \
    X(CANP_KIND_XL, "xl")                                                                                    \
    X(CANP_KIND_GAP, "gap")                                                                                  \
    X(CANP_KIND_IFACE, "iface")                                                                              \
    X(CANP_KIND_LINK, "link")                                                                                \
    X(CANP_KIND_MARK, "mark")                                                                                \
    X(CANP_KIND_CLOCK, "clock")

#define DIRS(X)                                                                                              \
    X(CANP_DIR_RX, "rx")                                                                                     \
    X(CANP_DIR_TX, "tx")                                                                                     \
    X(CANP_DIR_OWN, "own")

#define LAYERS(X)                                                                                            \
    X(CANP_LAYER_SOCKET, "socket")                                                                           \
    X(CANP_LAYER_DEVICE, "device")                                                                           \
    X(CANP_LAYER_RECORDER, "recorder")                                                                       \
    X(CANP_LAYER_STORE, "store")                                                                             \
    X(CANP_LAYER_STREAM, "stream")

#define LINK_CODES(X)                                                                                        \
    X(CANP_LINK_UP, "up")                                                                                    \
    X(CANP_LINK_DOWN, "down")                                                                                \
    X(CANP_LINK_GONE, "gone")                                                                                \
    X(CANP_LINK_BACK, "back")                                                                                \
    X(CANP_LINK_RENAMED, "renamed")                                                                          \
    X(CANP_LINK_STATE, "state")

/* enum can_state of linux/can/netlink.h, whose header the engine does without. */
#define CONTROLLER_STATES(X)                                                                                 \
    X(0, "error-active")                                                                                     \
    X(1, "error-warning")                                                                                    \
    X(2, "error-passive")                                                                                    \
    X(3, "bus-off")                                                                                          \
    X(4, "stopped")                                                                                          \
    X(5, "sleeping")

#define ENTRY(value, name)    [value] = (name),
#define LOOK_UP(names, value) ((value) < sizeof(names) / sizeof((names)[0]) ? (names)[value] : NULL)

const char *canp_kind_name(uint8_t kind)
{
    static const char *const names[] = {KINDS(ENTRY)};
    return LOOK_UP(names, kind);
}

const char *canp_dir_name(uint8_t dir)
{
    static const char *const names[] = {DIRS(ENTRY)};
    return LOOK_UP(names, dir);
}

const char *canp_layer_name(uint32_t layer)
{
    static const char *const names[] = {LAYERS(ENTRY)};
    return LOOK_UP(names, layer);
}

const char *canp_link_code_name(uint32_t code)
{
    static const char *const names[] = {LINK_CODES(ENTRY)};
    return LOOK_UP(names, code);
}

const char *canp_controller_state_name(uint32_t state)
{
    static const char *const names[] = {CONTROLLER_STATES(ENTRY)};
    return LOOK_UP(names, state);
}
