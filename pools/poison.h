/* Free objects are poisoned under AddressSanitizer, so that a use after release is reported as one. */
#ifndef CANP_POOLS_POISON_H
#define CANP_POOLS_POISON_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CANP_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CANP_POISONS 1
#endif

#ifdef CANP_POISONS
#include <sanitizer/asan_interface.h>
#define canp_poison(address, bytes)   __asan_poison_memory_region((address), (bytes))
#define canp_unpoison(address, bytes) __asan_unpoison_memory_region((address), (bytes))
#else
#define canp_poison(address, bytes)   ((void)(address), (void)(bytes))
#define canp_unpoison(address, bytes) ((void)(address), (void)(bytes))
#endif

#endif
