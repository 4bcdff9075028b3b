/*
 * Reads network interfaces by sysfs and ioctl, for programs that may not use AF_NETLINK (systemd's
 * RestrictAddressFamilies, seccomp). These tell less: no bit rates, no controller states, no counters. Any
 * thread; no state.
 */
#include "ifaces.h"

#include <dirent.h>
#include <errno.h>
#include <linux/can.h>
#include <linux/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <canp/private/cleanup.h>

bool canp_ifaces_no_netlink(int error)
{
    return error == -EAFNOSUPPORT || error == -EPROTONOSUPPORT || error == -EPERM || error == -EACCES;
}

bool canp_iface_by_ioctl(int fd, const char *name, struct canp_link *out)
{
    struct ifreq q = {0};
    if (strlen(name) >= sizeof(q.ifr_name))
        return false;
    memcpy(q.ifr_name, name, strlen(name));
    *out = (struct canp_link){.state = CANP_LINK_STATE_NONE};
    memcpy(out->name, q.ifr_name, sizeof(out->name));
    if (ioctl(fd, SIOCGIFINDEX, &q) < 0)
        return false;
    out->ifindex = q.ifr_ifindex;
    if (ioctl(fd, SIOCGIFFLAGS, &q) < 0)
        return false;
    out->flags = (unsigned short)q.ifr_flags;
    if (out->flags & IFF_RUNNING)
        out->flags |= IFF_LOWER_UP; /* the ioctl's flags have 16 bits: what is running has a carrier */
    if (ioctl(fd, SIOCGIFMTU, &q) < 0)
        return false;
    out->mtu = (uint32_t)q.ifr_mtu;
    if (ioctl(fd, SIOCGIFHWADDR, &q) < 0)
        return false;
    out->type = q.ifr_hwaddr.sa_family;
    return true;
}

static int list_by_ioctl(struct iface_list *list)
{
    struct canp_link link;
    const struct dirent *entry;
    CANP_CLEANUP(canp_fd_close) int fd = socket(PF_CAN, SOCK_RAW | SOCK_CLOEXEC, CAN_RAW);
    if (fd < 0)
        return -errno;
    DIR *dir = opendir("/sys/class/net");
    if (!dir)
        return -errno;
    list->count = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (canp_iface_by_ioctl(fd, entry->d_name, &link))
            canp_ifaces_append(list, &link);
    }
    closedir(dir);
    return list->error;
}

int canp_ifaces_list(struct iface_list *list)
{
    int r = canp_ifaces_list_by_netlink(list);
    return canp_ifaces_no_netlink(r) ? list_by_ioctl(list) : r;
}
