/* Files for tests, in memory where possible: unlinked at once, so nothing is left behind. */
#ifndef CANP_TESTS_TEMP_FILE_H
#define CANP_TESTS_TEMP_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* An open file of this size; its 64-bit words are number * 2^32 + their position. Exits if there is no space.
 */
static inline int temp_file(uint32_t number, size_t bytes)
{
    char path[] = "/tmp/canp-test-XXXXXX";
    int fd = mkstemp(path);
    uint64_t words[512];

    if (fd < 0 || unlink(path) < 0) {
        perror(path);
        exit(99);
    }
    for (size_t at = 0; at < bytes; at += sizeof(words)) {
        for (size_t i = 0; i < 512; i++)
            words[i] = (uint64_t)number << 32 | (at / 8 + i);
        size_t part = bytes - at < sizeof(words) ? bytes - at : sizeof(words);
        if (write(fd, words, part) != (ssize_t)part) {
            perror(path);
            exit(99);
        }
    }
    return fd;
}

#endif
