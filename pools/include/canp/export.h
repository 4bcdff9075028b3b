/* What every public header needs: symbol visibility and C++ linkage. */
#ifndef CANP_EXPORT_H
#define CANP_EXPORT_H

#define CANP_API __attribute__((visibility("default")))

#ifdef __cplusplus
#define CANP_BEGIN_DECLS extern "C" {
#define CANP_END_DECLS   }
#else
#define CANP_BEGIN_DECLS
#define CANP_END_DECLS
#endif

#endif
