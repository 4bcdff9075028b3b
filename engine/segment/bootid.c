/* The id that Linux gives each boot (canp/writer.h). Any thread. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <canp/private/cleanup.h>
#include <canp/writer.h>

#include <canp/private/hex.h>

#define TEXT_BYTES 36 /* 1b4e28ba-2fa1-11d2-883f-0016d3cca427 */

void canp_boot_id(uint8_t id[16])
{
    char text[TEXT_BYTES];
    unsigned n = 0;
    CANP_CLEANUP(canp_fd_close) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    memset(id, 0, 16);
    if (fd < 0 || read(fd, text, TEXT_BYTES) != TEXT_BYTES)
        return;
    for (unsigned i = 0; i < TEXT_BYTES && n < 32; i++) {
        int digit = canp_hex_value((unsigned char)text[i]);
        if (digit < 0)
            continue; /* a hyphen */
        id[n / 2] = (uint8_t)(id[n / 2] << 4 | digit);
        n++;
    }
}
