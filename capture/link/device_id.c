/* Identifies an interface's hardware by ethtool's ioctl, and a USB adapter's serial number by sysfs
 * (device_id.h). Any thread.
 */
#include "device_id.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <canp/private/cleanup.h>

/* What a device says of itself is text of others: printable ASCII, or nothing of it. */
static void keep_printable(char *text)
{
    size_t n = 0;
    while (text[n] > ' ' && text[n] <= '~')
        n++;
    text[n] = '\0';
}

/* Of a USB device, whose directory is the one above its interface's; empty where there is none. */
static void read_serial(const char *iface, char *out, size_t size)
{
    char path[64];
    out[0] = '\0';
    snprintf(path, sizeof(path), "/sys/class/net/%.15s/device/../serial", iface);
    CANP_CLEANUP(canp_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    keep_printable(out);
}

void canp_device_id(int fd, const char iface[CANP_IFACE_NAME_BYTES], char out[DEVICE_ID_BYTES])
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {.ifr_data = (void *)&info};
    char serial[40];
    out[0] = '\0';
    memcpy(request.ifr_name, iface, strnlen(iface, IFNAMSIZ - 1));
    if (ioctl(fd, SIOCETHTOOL, &request) < 0)
        return;
    info.driver[sizeof(info.driver) - 1] = info.bus_info[sizeof(info.bus_info) - 1] = '\0';
    keep_printable(info.driver);
    keep_printable(info.bus_info);
    if (!info.bus_info[0])
        return;
    read_serial(iface, serial, sizeof(serial));
    snprintf(out, DEVICE_ID_BYTES, "driver %s, at %s%s%s", info.driver, info.bus_info,
             serial[0] ? ", serial " : "", serial);
}
