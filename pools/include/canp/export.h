/*
 * What every public header needs: symbol visibility, C++ linkage, and how options structs begin.
 *
 * A struct canp_X_opts has its size first. `struct canp_X_opts opts = CANP_X_OPTS_INIT;` sets it, a struct
 * that is all zero means the same: zero is every option's default. The library reads no more than `size`
 * bytes, so a program runs with a newer library than it was compiled for. With an older one it does, too,
 * unless it sets an option that this library does not know: -E2BIG then (-EINVAL for a size that cannot be).
 * A size of 0 is that of canp 0.1.
 */
#ifndef CANP_EXPORT_H
#define CANP_EXPORT_H

#define CANP_API __attribute__((visibility("default")))

#ifdef __cplusplus
/* Private: what CANP_X_OPTS_INIT is. */
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

/* Around structs that end in a flexible array, and those that hold one: C++ has that as an extension alone.
 */
#define CANP_BEGIN_FLEXIBLE _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wpedantic\"")
#define CANP_END_FLEXIBLE   _Pragma("GCC diagnostic pop")

#endif
