/* Names files that are no CAN logs by their first bytes (foreign.h). No state; any thread. */
#include "formats/foreign.h"

#include <string.h>

static const struct {
    const char *bytes;
    size_t length;
    const char *what;
} signatures[] = {
#define SIGNATURE(text, what)                                                                                \
    {                                                                                                        \
        text, sizeof(text) - 1, what                                                                         \
    }
    SIGNATURE("version https://git-lfs.github.com/",
              "a Git LFS pointer, not the file itself: fetch it with `git lfs pull`"),
    SIGNATURE("PK\x03\x04", "a zip archive (or a spreadsheet): unpack it first"),
    SIGNATURE("\x1F\x8B", "compressed by gzip, which this build cannot undo: it was built without zlib"),
    SIGNATURE("\x28\xB5\x2F\xFD",
              "compressed by zstd, which this build cannot undo: it was built without libzstd"),
    SIGNATURE("\xFD"
              "7zXZ",
              "compressed by xz: unpack it first"),
    SIGNATURE("BZh", "compressed by bzip2: unpack it first"),
    SIGNATURE("7z\xBC\xAF", "a 7-Zip archive: unpack it first"),
    SIGNATURE("\x7F"
              "ELF",
              "a program"),
    SIGNATURE("%PDF", "a PDF document"),
    SIGNATURE("<!DOCTYPE", "a web page"),
    SIGNATURE("<html", "a web page"),
    SIGNATURE("VERSION \"", "a DBC signal database, not a log"),
#undef SIGNATURE
};

static bool is_text(const struct canp_log_head *head)
{
    for (size_t i = 0; i < head->length && i < 512; i++) {
        unsigned char c = head->bytes[i];
        if (c < ' ' && c != '\n' && c != '\r' && c != '\t')
            return false;
    }
    return true;
}

int canp_log_tell_foreign(const struct canp_log_head *head, const char *name, struct canp_why *why)
{
    char line[49];
    size_t n = 0;
    if (head->length == 0)
        return canp_fail(why, -CANP_E_FORMAT, "%s is empty", name);
    for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
        if (head->length >= signatures[i].length &&
            memcmp(head->bytes, signatures[i].bytes, signatures[i].length) == 0)
            return canp_fail(why, -CANP_E_FORMAT, "%s is %s", name, signatures[i].what);
    }
    if (!is_text(head))
        return canp_fail(
            why, -CANP_E_FORMAT,
            "%s is in no format that is known here (no text; it begins with the bytes %02x %02x)", name,
            head->bytes[0], head->length > 1 ? head->bytes[1] : 0);
    while (n < sizeof(line) - 1 && n < head->length && head->bytes[n] != '\n' && head->bytes[n] != '\r') {
        line[n] = head->bytes[n] >= ' ' && head->bytes[n] <= '~' ? (char)head->bytes[n] : '.';
        n++;
    }
    line[n] = '\0';
    return canp_fail(why, -CANP_E_FORMAT, "%s is a text in no format that is known here; it begins with: %s",
                     name, line);
}
