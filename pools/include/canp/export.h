/*
 * What every public header needs: symbol visibility, C++ linkage, and the first field of options structs.
 *
 * A struct canp_X_opts has its size first. `struct canp_X_opts opts = CANP_X_OPTS_INIT;` sets it; a struct
 * that is all zero means the same, since zero is every option's default. The library reads no more than
 * `size` bytes, so a program also runs with a newer library than it was compiled for. It runs with an older
 * one, too, unless it sets an option which that library does not know: the function then returns -E2BIG
 * (-EINVAL when no release has a struct of this size). A size of 0 means the size in canp 0.1.
 */
#ifndef CANP_EXPORT_H
#define CANP_EXPORT_H

#define CANP_API __attribute__((visibility("default")))

#ifdef __cplusplus
/* Private: CANP_X_OPTS_INIT in C++. */
template <typename options> inline options canp_opts_init_()
{
    options opts{};
    opts.size = sizeof(options);
    return opts;
}
#define CANP_OPTS_INIT_(type) (canp_opts_init_<type>())
#else
#define CANP_OPTS_INIT_(type)                                                                                \
    {                                                                                                        \
        .size = sizeof(struct type)                                                                          \
    }
#endif

#ifdef __cplusplus
#define CANP_BEGIN_DECLS extern "C" {
#define CANP_END_DECLS   }
#else
#define CANP_BEGIN_DECLS
#define CANP_END_DECLS
#endif

/* Around structs that end in a flexible array or hold such a struct: in C++ that is an extension of the
 * compiler.
 */
#define CANP_BEGIN_FLEXIBLE _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wpedantic\"")
#define CANP_END_FLEXIBLE   _Pragma("GCC diagnostic pop")

#endif
