/* The tables of hex.h. Constant: any thread. */
#include <canp/private/hex.h>

#define ROW(h) h "0" h "1" h "2" h "3" h "4" h "5" h "6" h "7" h "8" h "9" h "A" h "B" h "C" h "D" h "E" h "F"

/* clang-format off */
_Static_assert(sizeof(ROW("0")) == 33, "digit pairs");
const char canp_hex_pairs[513] =
    ROW("0") ROW("1") ROW("2") ROW("3") ROW("4") ROW("5") ROW("6") ROW("7")
    ROW("8") ROW("9") ROW("A") ROW("B") ROW("C") ROW("D") ROW("E") ROW("F");

const int8_t canp_hex_values[256] = {
    [0 ... '0' - 1] = -1,
    ['0'] = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ['9' + 1 ... 'A' - 1] = -1,
    ['A'] = 10, 11, 12, 13, 14, 15,
    ['F' + 1 ... 'a' - 1] = -1,
    ['a'] = 10, 11, 12, 13, 14, 15,
    ['f' + 1 ... 255] = -1,
};
/* clang-format on */
