/* Netlink's parser against messages and attributes that claim what is not so: nothing outside of the received
 * bytes is read. Each input lies at the end of its own allocation, so a sanitizer sees a byte too many. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/ifaces.h"
#include "link/netlink.h"
#include "seed.h"

static struct test_random rnd;

/* Walks over a copy that is exactly so long; the number of messages, each of which must lie within. */
static unsigned walk_over(const void *bytes, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, bytes, n);
    struct netlink_walk walk = {copy, n};
    const struct nlmsghdr *h;
    struct canp_link link;
    unsigned messages = 0;
    while ((h = canp_netlink_next(&walk)) != NULL) {
        const uint8_t *at = (const uint8_t *)h;
        cr_assert(at >= copy && at + h->nlmsg_len <= copy + n);
        cr_assert(walk.left <= n && walk.at + walk.left == copy + n);
        canp_iface_link_parse(h, &link);
        canp_netlink_error_of(h);
        messages++;
    }
    free(copy);
    return messages;
}

static struct nlmsghdr *put_message(uint8_t *at, uint32_t claimed, uint16_t type)
{
    struct nlmsghdr *h = (struct nlmsghdr *)(void *)at;
    *h = (struct nlmsghdr){.nlmsg_len = claimed, .nlmsg_type = type};
    return h;
}

Test(netlink, a_last_message_that_is_not_padded_ends_the_walk)
{
    _Alignas(8) uint8_t bytes[64] = {0};
    put_message(bytes, 16 + 5, RTM_NEWLINK); /* padded it would be 24: more than there is */
    cr_assert_eq(walk_over(bytes, 21), 1);
    cr_assert_eq(walk_over(bytes, 22), 1);
    put_message(bytes + 24, 17, RTM_NEWLINK);
    cr_assert_eq(walk_over(bytes, 41), 2);
}

Test(netlink, lengths_that_lie)
{
    static const uint32_t claimed[] = {0, 1, 15, 33, 64, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF};
    _Alignas(8) uint8_t bytes[64] = {0};
    for (unsigned i = 0; i < sizeof(claimed) / sizeof(claimed[0]); i++) {
        put_message(bytes, claimed[i], RTM_NEWLINK);
        cr_assert_eq(walk_over(bytes, 32), 0, "%u", claimed[i]);
    }
    for (size_t n = 0; n < 16; n++)
        cr_assert_eq(walk_over(bytes, n), 0);
}

Test(netlink, attributes_that_lie)
{
    _Alignas(8) uint8_t bytes[16] = {0};
    struct rtattr *a = (struct rtattr *)(void *)bytes;
    static const uint16_t claimed[] = {0, 3, 17, 0xFFFF};
    for (unsigned i = 0; i < sizeof(claimed) / sizeof(claimed[0]); i++) {
        struct netlink_walk walk = {bytes, sizeof(bytes)};
        a->rta_len = claimed[i];
        cr_assert_null(canp_netlink_attribute(&walk));
    }
    struct netlink_walk walk = {bytes, 7};
    a->rta_len = 7; /* not padded, and the last */
    cr_assert_eq(canp_netlink_attribute(&walk), a);
    cr_assert_null(canp_netlink_attribute(&walk));
    char text[2];
    memset(bytes + 4, 'x', 3);
    canp_netlink_copy_text(text, sizeof(text), a);
    cr_assert_str_eq(text, "x");
}

Test(netlink, errors)
{
    struct {
        struct nlmsghdr header;
        int error;
    } m = {.header = {.nlmsg_len = sizeof(m), .nlmsg_type = NLMSG_ERROR}, .error = -ENODEV};
    cr_assert_eq(canp_netlink_error_of(&m.header), -ENODEV);
    m.error = 5; /* would pass for a count */
    cr_assert_eq(canp_netlink_error_of(&m.header), -EPROTO);
    m.header.nlmsg_len = sizeof(m.header);
    cr_assert_eq(canp_netlink_error_of(&m.header), -EPROTO);
    m.header.nlmsg_type = NLMSG_DONE; /* of old kernels: nothing behind the header */
    cr_assert_eq(canp_netlink_error_of(&m.header), 0);
}

Test(netlink, noise)
{
    rnd = test_random_start("netlink.noise");
    for (unsigned round = 0; round < 20000; round++) {
        _Alignas(8) uint8_t bytes[256];
        size_t n = test_random_u64(&rnd) % sizeof(bytes);
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] =
                (uint8_t)(test_random_u64(&rnd) % 3 ? test_random_u64(&rnd) % 32 : test_random_u64(&rnd));
        put_message(bytes, (uint32_t)(test_random_u64(&rnd) % (n + 8)), RTM_NEWLINK);
        bytes[16] = AF_UNSPEC;
        walk_over(bytes, n);
    }
}

Test(netlink, what_is_not_the_kernels_is_dropped)
{
    int pair[2];
    uint8_t buffer[NETLINK_BYTES_MAX];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    cr_assert_eq(send(pair[0], "hello", 5, 0), 5);
    cr_assert_eq(canp_netlink_receive(pair[1], buffer, 0), 0);
    close(pair[0]);
    close(pair[1]);
}

static void count(void *user, const struct nlmsghdr *message)
{
    struct canp_link link;
    *(unsigned *)user += canp_iface_link_parse(message, &link);
}

Test(netlink, the_kernel_is_asked)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg info;
    } request = {.header = {.nlmsg_len = sizeof(request),
                            .nlmsg_type = RTM_GETLINK,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
    unsigned links = 0;
    int r = canp_netlink_ask(&request.header, count, &links);
    if (r == -EAFNOSUPPORT || r == -EPERM)
        cr_skip_test("no rtnetlink here");
    cr_assert_eq(r, 0);
    cr_assert_gt(links, 0, "the loopback interface at least");
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.info.ifi_index = 0x7FFFFFFF;
    cr_assert_eq(canp_netlink_ask(&request.header, count, &links), -ENODEV);
}
