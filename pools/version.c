/* The version of this library (canp/version.h, which CMake generates). Any thread. */
#include <canp/version.h>

const char *canp_version(void)
{
    return CANP_VERSION_STRING;
}

int canp_version_number(void)
{
    return CANP_VERSION_NUMBER;
}
