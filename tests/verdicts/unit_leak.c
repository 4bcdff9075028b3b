/* A leak on purpose: proves that LeakSanitizer's verdict on a Criterion program fails the run
 * (CMakeLists.txt). */
#include <criterion/criterion.h>
#include <stdlib.h>

static void *volatile lost;

Test(verdict, leaks)
{
    lost = malloc(1234);
    lost = NULL;
    cr_assert(1, "Criterion itself sees nothing wrong");
}
