/* Identifies the hardware of an interface. Any thread; no state; no memory is allocated. */
#ifndef CANP_CAPTURE_DEVICE_ID_H
#define CANP_CAPTURE_DEVICE_ID_H

#include <canp/frame.h>

#define DEVICE_ID_BYTES 128U

/* "driver kvaser_usb, at 1-1.2:1.0, serial 012345"; empty for an interface without hardware (vcan). `fd` is
 * any socket. Reads sysfs, which is no disk. */
void canp_device_id(int fd, const char iface[CANP_IFACE_NAME_BYTES], char out[DEVICE_ID_BYTES]);

#endif
