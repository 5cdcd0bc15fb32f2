/* Random numbers from the system; what pure code gets as seeds. */
#ifndef MB_IO_ENTROPY_H
#define MB_IO_ENTROPY_H

#include <stdint.h>

#include "base/error.h"

/* 64 bits from getrandom(2). It cannot fail once the system is up; false and `error` before. */
bool entropy_seed(uint64_t *out, struct error *error);

#endif
